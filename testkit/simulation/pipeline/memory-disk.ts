/** A disk in memory with one partition's folder. It can lose its last writes, be full, be damaged or be replaced. */
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyChange,
  type KeyValueReads,
  type KeyValueStore,
  type Pair,
  type StateDirectory,
  type StoreSnapshot,
} from '../../../src/store/key-value-store.js';
import type { SeededRandom } from '../../seeded-random.js';

/** Key in latin1 -> value: latin1 text sorts like the bytes. */
type Rows = Map<string, Buffer>;

export class MemoryDisk {
  rows: Rows = new Map();
  /** The writes that a crash of the machine may lose, oldest first. */
  #unsynced: (readonly KeyChange[])[] = [];
  #synced: Rows = new Map();
  #copy: Rows | null = null;
  /** The content of the folder that was set aside last; null if there is none, or if it is damaged. */
  rowsSetAside: Rows | null = null;
  isFull = false;
  isDamaged = false;
  setAside = 0;
  /** The number of writes, to compare. */
  writes = 0;

  write(changes: readonly KeyChange[]): void {
    this.writes++;
    applyTo(this.rows, changes);
    this.#unsynced.push(changes);
  }

  /** Everything written so far survives from now on. */
  sync(): void {
    this.#synced = new Map(this.rows);
    this.#unsynced = [];
  }

  /** A crash of the machine keeps only `kept` of the writes after the last `sync`. */
  loseTail(keep: (writes: number) => number): void {
    const kept = this.#unsynced.slice(0, keep(this.#unsynced.length));
    this.rows = new Map(this.#synced);
    for (const changes of kept) applyTo(this.rows, changes);
    this.sync();
  }

  erase(): void {
    this.rows = new Map();
    this.isDamaged = false;
    this.sync();
  }

  /** Another disk with the same content. */
  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    disk.rows = new Map(this.rows);
    disk.sync();
    return disk;
  }

  backUp(): void {
    this.#copy = new Map(this.rows);
  }

  /** Puts the content of the last `backUp` back. @returns false if there is none */
  restore(): boolean {
    if (this.#copy === null) return false;
    this.rows = new Map(this.#copy);
    this.sync();
    return true;
  }
}

function copyOf({ key, value }: KeyChange): KeyChange {
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
}

function applyTo(rows: Rows, changes: readonly KeyChange[]): void {
  for (const { key, value } of changes) {
    const name = key.toString('latin1');
    if (value === null) rows.delete(name);
    else rows.set(name, value);
  }
}

function page(rows: Rows, prefix: Buffer, after: Buffer | null, limit: number): Pair[] {
  const from = prefix.toString('latin1');
  const above = after?.toString('latin1') ?? null;
  const names = [...rows.keys()].filter((name) => name.startsWith(from) && (above === null || name > above)).sort();
  return names.slice(0, limit).map((name) => ({ key: Buffer.from(name, 'latin1'), value: rows.get(name) as Buffer }));
}

function valuesOf(rows: Rows, keys: readonly Buffer[]): (Buffer | null)[] {
  return keys.map((key) => rows.get(key.toString('latin1')) ?? null);
}

/** The process that uses a disk. */
export interface DiskUser {
  readonly world: { readonly random: SeededRandom };
  /** A call of a process that is killed before `effect` has no effect. */
  callDisk<T>(name: string, effect: () => T): Promise<T>;
}

/** STATE_DIR of one process. Its calls take simulated time, and end with the process. */
export class MemoryStateDirectory implements StateDirectory {
  constructor(
    private readonly process: DiskUser,
    private readonly diskOf: (partition: number) => MemoryDisk,
  ) {}

  open(partition: number): Promise<KeyValueStore> {
    return this.process.callDisk('open', () => {
      const disk = this.diskOf(partition);
      if (disk.isDamaged) throw new CorruptStoreError('the simulated folder is damaged');
      if (disk.isFull) throw new StoreUnavailableError('the simulated disk is full');
      return new MemoryStore(this.process, disk);
    });
  }

  setAside(partition: number): Promise<void> {
    return this.process.callDisk('set aside', () => {
      const disk = this.diskOf(partition);
      disk.setAside++;
      disk.rowsSetAside = disk.isDamaged ? null : disk.rows;
      disk.erase();
    });
  }

  async readSetAside<T>(partition: number, read: (store: KeyValueReads) => Promise<T>): Promise<T | null> {
    const rows = await this.process.callDisk('open the folder set aside', () => this.diskOf(partition).rowsSetAside);
    if (rows === null) return null;
    return read({
      read: (keys) => this.process.callDisk('read', () => valuesOf(rows, keys)),
      scan: (prefix, limit = Infinity) => this.process.callDisk('scan', () => page(rows, prefix, null, limit)),
    });
  }
}

class MemoryStore implements KeyValueStore {
  constructor(
    private readonly process: DiskUser,
    private readonly disk: MemoryDisk,
  ) {}

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.process.callDisk('read', () => valuesOf(this.#rows(), keys));
  }

  scan(prefix: Buffer, limit = Infinity): Promise<Pair[]> {
    return this.process.callDisk('scan', () => page(this.#rows(), prefix, null, limit));
  }

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.process.callDisk('page', () => page(this.#rows(), prefix, after, limit));
  }

  write(changes: readonly KeyChange[]): Promise<void> {
    const copied = changes.map(copyOf); // The caller may reuse the memory at once.
    return this.process.callDisk('write', () => {
      // Only a new opening shows what a failed write has done: sometimes all of it.
      const { isFull } = this.disk;
      if (!isFull || this.process.world.random.chance(0.5)) this.disk.write(copied);
      if (isFull) throw new StoreUnavailableError('the simulated disk is full');
    });
  }

  snapshot(): StoreSnapshot {
    const rows = new Map(this.disk.rows);
    return {
      read: (keys) => Promise.resolve(valuesOf(rows, keys)),
      scan: (prefix, limit = Infinity) => Promise.resolve(page(rows, prefix, null, limit)),
      // eslint-disable-next-line @typescript-eslint/require-await -- the rows are in memory
      pairs: async function* (prefix) {
        yield* page(rows, prefix, null, Infinity);
      },
      close: () => Promise.resolve(),
    };
  }

  close(): Promise<void> {
    return this.process.callDisk('close', () => undefined);
  }

  #rows(): Rows {
    if (this.disk.isDamaged) throw new CorruptStoreError('the simulated folder is damaged');
    return this.disk.rows;
  }
}
