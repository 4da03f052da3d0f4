/** The disk of one instance, in memory: the state of its partitions, and what the instance remembers about itself. */
import {
  CHANGELOG_POSITION_KEY,
  decodeChangelogPosition,
  decodeIdentity,
  IDENTITY_KEY,
} from '../../../src/store/partition-meta.js';
import { ORIGIN_KEY, POSITION_KEY } from '../../../src/store/row-keys.js';
import { rowsOfState } from '../../../src/store/state-rows.js';
import type { StateVolume } from '../../../src/store/state-volume.js';
import { StateDirInUseError } from '../../../src/store/instance-lock.js';
import { MemoryDisk, MemoryStateDirectory } from '../pipeline/memory-disk.js';
import type { SimulatedProcess } from './process.js';

interface Backup {
  readonly disks: ReadonlyMap<number, MemoryDisk>;
  readonly words: ReadonlyMap<string, string>;
}

export class MemoryVolume {
  #disks = new Map<number, MemoryDisk>();
  #words = new Map<string, string>();
  readonly #lastUsed = new Map<number, number>();
  #backup: Backup | null = null;
  #user: SimulatedProcess | null = null;

  get disks(): ReadonlyMap<number, MemoryDisk> {
    return this.#disks;
  }

  /** A crash of the machine loses some of the last writes. */
  loseTail(keep: (writes: number) => number): void {
    for (const disk of this.#disks.values()) disk.loseTail(keep);
  }

  sync(): void {
    for (const disk of this.#disks.values()) disk.sync();
  }

  erase(): void {
    this.#disks = new Map();
    this.#words = new Map();
  }

  backUp(): void {
    this.#backup = { disks: copyOf(this.#disks), words: new Map(this.#words) };
  }

  restore(): void {
    if (this.#backup === null) return;
    this.#disks = copyOf(this.#backup.disks);
    this.#words = new Map(this.#backup.words);
  }

  /** Exchanges the content of two volumes whose processes are gone. */
  swapWith(other: MemoryVolume): void {
    [this.#disks, other.#disks] = [other.#disks, this.#disks];
    [this.#words, other.#words] = [other.#words, this.#words];
  }

  setFull(isFull: boolean): void {
    for (const disk of this.#disks.values()) disk.isFull = isFull;
  }

  /** Damages the state of one partition. */
  damage(pick: (disks: readonly MemoryDisk[]) => MemoryDisk): void {
    if (this.#disks.size > 0) pick([...this.#disks.values()]).isDamaged = true;
  }

  /** The volume as one process uses it. */
  usedBy(process: SimulatedProcess): StateVolume {
    const call = <T>(name: string, effect: () => T) => process.callDisk(name, effect);
    const word = (name: string) => ({
      get: () => call('get a word', () => this.#words.get(name) ?? null),
      set: (value: string) => call('set a word', () => void this.#words.set(name, value)),
      delete: () => call('delete a word', () => void this.#words.delete(name)),
    });
    return {
      takeLock: () =>
        call('lock', () => {
          if (this.#user?.isDead === false) throw new StateDirInUseError('the simulated volume');
          this.#user = process;
          return { word, release: () => call('release', () => void (this.#user = null)) };
        }),
      exposure: () => Promise.resolve(null),
      positions: ({ clusterId, applicationId, topic }) =>
        call('positions', () => {
          const found = new Map<number, number>();
          for (const [partition, disk] of this.#disks) {
            const identity = disk.isDamaged ? undefined : disk.rows.get(IDENTITY_KEY.toString('latin1'));
            const position = disk.rows.get(CHANGELOG_POSITION_KEY.toString('latin1'));
            if (identity === undefined || position === undefined) continue;
            const of = decodeIdentity(identity);
            if (of.clusterId !== clusterId || of.applicationId !== applicationId || of.topic !== topic)
              process.world.violated(`the state of partition ${partition} belongs to another deployment`);
            if (of.partition === partition) found.set(partition, decodeChangelogPosition(position).offset);
          }
          return found;
        }),
      directory: () => new MemoryStateDirectory(process, (partition) => this.#diskOf(partition, process)),
      size: () =>
        call('size', () => ({ partitions: new Map([...this.#disks.keys()].map((each) => [each, 1])), setAside: 0 })),
      boundInfoLogs: () => Promise.resolve(),
      listFolders: () =>
        call('list', () =>
          [...this.#disks.keys()].map((partition) => ({
            path: String(partition),
            partition,
            bytes: 1,
            lastUsedMs: this.#lastUsed.get(partition) ?? process.clock.now(),
          })),
        ),
      stateRows: (path) =>
        call('rows', () => {
          const rows = this.#disks.get(Number(path))?.rows;
          const row = (key: Buffer) => rows?.get(key.toString('latin1')) ?? null;
          return rowsOfState(row(POSITION_KEY), row(ORIGIN_KEY), null)[0] ?? null;
        }),
      markUsed: (path, now) => call('mark', () => void this.#lastUsed.set(Number(path), now)),
      removeFolder: (path) => call('remove', () => void this.#disks.delete(Number(path))),
    };
  }

  #diskOf(partition: number, process: SimulatedProcess): MemoryDisk {
    let disk = this.#disks.get(partition);
    if (disk === undefined) {
      disk = new MemoryDisk();
      this.#disks.set(partition, disk);
      this.#lastUsed.set(partition, process.clock.now());
    }
    return disk;
  }
}

function copyOf(disks: ReadonlyMap<number, MemoryDisk>): Map<number, MemoryDisk> {
  return new Map([...disks].map(([partition, disk]) => [partition, disk.copy()]));
}
