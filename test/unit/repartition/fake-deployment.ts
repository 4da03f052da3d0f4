/** A stopped deployment in memory, whose process can be killed before or after any call that changes something. */
import type { CommittedOffset, OpenFrom, LogReader, Logs, TransactionalProducer } from '../../../src/pipeline/ports.js';
import type { Header, RecordToWrite, TopicPartition } from '../../../src/lib/record.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { decodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { repartition } from '../../../src/repartition/repartition.js';
import type { RepartitionPorts } from '../../../src/repartition/ports.js';
import { decodePositionRow, writeCompanyRow, writePositionRow } from '../../../src/store/row-codec.js';
import { companyKey, isPositionKey, parseRowKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { UNUSED_PRODUCER } from '../pipeline/unused-ports.js';

interface Written {
  readonly key: Buffer;
  value: Buffer | null;
  /** The transactional id whose open transaction it is part of; null if it is committed. */
  openIn: string | null;
  /** The brokers have left it open, although its transaction was committed. */
  isLeftOpen?: boolean;
}

export class KilledError extends Error {}

/** The sequence of changing calls, such as `set offsets` and `set offsets: done`. A run is killed at one of them. */
export type Kill = number | null;

export class FakeDeployment {
  /** Where each input partition ends. All start at 0. */
  readonly input: number[];
  readonly changelog: Written[][];
  /** The keys of records that were written to input partitions, by their offsets. */
  readonly #written = new Map<number, Map<number, Buffer | null>>();
  readonly offsets = new Map<number, Omit<CommittedOffset, 'leaderEpoch'>>();
  members: string[] = [];
  /** The records of the input that were read, as `partition/offset`. */
  inputRead: string[] = [];
  /** Of each record of the input. */
  inputHeaders: readonly Header[] = [];
  /** Input partitions that end with an open transaction of this many records. */
  readonly openInput = new Map<number, number>();
  /** Where input partitions begin, if not at 0. */
  readonly inputStarts = new Map<number, number>();
  said: string[] = [];
  /** Called before each call that changes something, with its name. It may throw. */
  beforeCall: (name: string) => void = () => undefined;
  /** Called after each call that changes something, with its name. It may change the deployment, or throw. */
  afterCall: (name: string) => void = () => undefined;
  /** Changelog partitions to which the brokers write no markers at a commit. */
  readonly skipped = new Set<number>();
  /** Whether a repeated end reaches the skipped partitions. */
  canBeEnded = true;
  /** Whether the brokers allow more partitions. */
  mayGrow = true;
  /** How often an end was repeated. */
  repeatedEnds = 0;
  #kill: Kill = null;
  readonly #transactionalIds: string[] = [];
  #calls = 0;
  #isDead = false;
  #now = 0;

  /** @param companies the companies of each partition; undefined for a partition that never had a record */
  constructor(companies: readonly (readonly string[] | undefined)[]) {
    this.input = companies.map((ids) => (ids === undefined ? 0 : 5));
    this.changelog = companies.map(() => []);
    companies.forEach((ids, partition) => {
      if (ids === undefined) return;
      for (const id of ids) this.changelog[partition]?.push({ key: companyKey(id), value: ANNOUNCED, openIn: null });
      this.consume(partition);
    });
  }

  /** Writes one record for each key to an input partition. */
  write(partition: number, ...keys: readonly (string | null)[]): void {
    const written = this.#written.get(partition) ?? new Map<number, Buffer | null>();
    this.#written.set(partition, written);
    for (const key of keys) {
      const offset = this.input[partition] ?? 0;
      written.set(offset, key === null ? null : Buffer.from(key));
      this.input[partition] = offset + 1;
    }
  }

  /** As if an instance consumed the whole input partition. */
  consume(partition: number): void {
    const offset = this.input[partition] ?? 0;
    this.changelog[partition]?.push({ key: POSITION_KEY, value: positionAt(offset), openIn: null });
    this.offsets.set(partition, { offset });
  }

  /** Runs the command once. `kill` counts the moments before and after changing calls. @returns its error, or null */
  async run(wanted: number | null, kill: Kill = null): Promise<Error | null> {
    this.#kill = kill;
    this.#calls = 0;
    this.#isDead = false;
    this.said = [];
    const error = await repartition(this.ports(), wanted).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    this.#isDead = false;
    return error;
  }

  /** The companies in each changelog partition, as a reader of committed records sees them. */
  companies(): string[][] {
    return this.changelog.map((_, partition) => {
      const ids = new Set<string>();
      for (const { key, value } of this.#visible(partition)) {
        const parsed = parseRowKey(key);
        if (!('companyId' in parsed)) continue;
        if (value === null) ids.delete(parsed.companyId.toString());
        else ids.add(parsed.companyId.toString());
      }
      return [...ids].sort();
    });
  }

  positions(): (number | null)[] {
    return this.changelog.map((_, partition) => {
      const last = this.#visible(partition).findLast(({ key }) => isPositionKey(key));
      return last?.value == null ? null : decodePositionRow(last.value).offset;
    });
  }

  isMarked(): boolean {
    return [...this.offsets.values()].some(({ offset }) => decodeRepartitionMark(offset) !== null);
  }

  #visible(partition: number): Written[] {
    return (this.changelog[partition] ?? []).slice(0, this.#stableEnd(partition));
  }

  /** Its place among the ids that were asked for. */
  #producerIdOf(id: string): bigint {
    if (!this.#transactionalIds.includes(id)) this.#transactionalIds.push(id);
    return BigInt(this.#transactionalIds.indexOf(id));
  }

  #openFrom(id: string, partition: number): OpenFrom {
    const from = (this.changelog[partition] ?? []).findIndex(({ openIn }) => openIn === id);
    return from < 0 ? 'nothing' : from;
  }

  #stableEnd(partition: number): number {
    const log = this.changelog[partition] ?? [];
    const open = log.findIndex(({ openIn }) => openIn !== null);
    return open < 0 ? log.length : open;
  }

  async #change<T>(name: string, effect: () => T): Promise<T> {
    await this.#moment();
    this.beforeCall(name);
    const result = effect();
    this.afterCall(name);
    await this.#moment();
    return result;
  }

  async #moment(): Promise<void> {
    await Promise.resolve();
    if (this.#kill !== null && this.#calls++ === this.#kill) this.#isDead = true;
    if (this.#isDead) throw new KilledError('killed');
  }

  ports(): RepartitionPorts {
    const bounds: Logs['bounds'] = ({ topic, partition }) => {
      const isChangelog = topic === 'changelog';
      const highWatermark = (isChangelog ? this.changelog[partition]?.length : this.input[partition]) ?? 0;
      const end = isChangelog ? this.#stableEnd(partition) : highWatermark - (this.openInput.get(partition) ?? 0);
      const start = isChangelog ? 0 : (this.inputStarts.get(partition) ?? 0);
      return Promise.resolve({ start, end, highWatermark, ...SEEN_BY_MOST });
    };
    return {
      applicationId: 'app',
      input: 'input',
      changelog: 'changelog',
      outbound: [],
      shadowOf: null,
      unfenced: {
        producersOf: (ids) => Promise.resolve(new Set(ids.map((id) => this.#producerIdOf(id)))),
        openFrom: ([producerId], { partition }) =>
          Promise.resolve(this.#openFrom(this.#transactionalIds[Number(producerId)] ?? '', partition)),
      },
      clock: {
        now: () => this.#now,
        delay: (ms) => {
          this.#now += ms;
          return Promise.resolve();
        },
      },
      report: (line) => this.said.push(line),
      logs: {
        bounds,
        committedOffset: ({ partition }) => {
          const found = this.offsets.get(partition);
          return Promise.resolve(found === undefined ? null : { ...found, leaderEpoch: -1 });
        },
        pendingOffset: () => Promise.resolve({ isPending: false, byMost: true }),
        endOfEpoch: () => Promise.resolve(null),
        reader: ({ topic, partition }, from) =>
          topic === 'changelog' ? this.#reader(partition, from) : this.#inputReader(partition, from),
      },
      admin: {
        countPartitions: (topic) => Promise.resolve((topic === 'input' ? this.input : this.changelog).length),
        mayGrow: () => (this.mayGrow ? Promise.resolve() : Promise.reject(new Error('a policy forbids it'))),
        grow: (topic, count) =>
          this.#change(`grow ${topic}`, () => {
            while (topic === 'input' && this.input.length < count) this.input.push(0);
            while (topic === 'changelog' && this.changelog.length < count) this.changelog.push([]);
          }),
      },
      group: {
        members: () => Promise.resolve(this.members),
        setOffsets: (_topic, offsets, metadata) =>
          this.#change('set offsets', () => {
            if (this.members.length > 0) throw new Error('the group has members');
            for (const [partition, offset] of offsets) {
              const text = metadata?.get(partition);
              this.offsets.set(partition, text === undefined ? { offset } : { offset, metadata: text });
            }
          }),
        deleteOffsets: (_topic, partitions) =>
          this.#change('delete offsets', () => partitions.forEach((partition) => this.offsets.delete(partition))),
      },
      transactions: { fence: (id) => this.#change('fence', () => this.#producer(id)) },
    };
  }

  #reader(partition: number, from: number): LogReader {
    const end = this.#stableEnd(partition);
    const records = this.#visible(partition)
      .slice(from)
      .map(({ key, value }, i) => ({ key, value, offset: from + i, timestamp: 0, headers: [] }));
    return {
      next: () => Promise.resolve({ records, nextOffset: end, endOffset: end, leaderEpoch: -1 }),
      close: () => undefined,
    };
  }

  /** One record for each read. */
  #inputReader(partition: number, from: number): LogReader {
    const end = this.input[partition] ?? 0;
    let position = from;
    return {
      next: () => {
        const offset = position++;
        const key = this.#written.get(partition)?.get(offset);
        const record = { offset, timestamp: 0, value: null, headers: this.inputHeaders };
        if (key !== undefined) this.inputRead.push(`${partition}/${offset}`);
        const records = key === undefined ? [] : [{ ...record, key }];
        return Promise.resolve({ records, nextOffset: position, endOffset: end, leaderEpoch: -1 });
      },
      close: () => undefined,
    };
  }

  /** Also aborts the open transaction of the id, but not what was left open of a committed one. */
  #producer(id: string): TransactionalProducer {
    this.changelog.forEach((log) =>
      log.splice(0, Infinity, ...log.filter(({ openIn, isLeftOpen }) => openIn !== id || isLeftOpen === true)),
    );
    const commit = (partition: number): void => {
      for (const record of this.changelog[partition] ?? []) if (record.openIn === id) record.openIn = null;
    };
    let position: [number, Omit<CommittedOffset, 'leaderEpoch'>] | null = null;
    return {
      ...UNUSED_PRODUCER,
      begin: () => this.#change('begin', () => undefined),
      produce: ({ partition }: TopicPartition, records: readonly RecordToWrite[]) =>
        this.#change('produce', () => {
          const log = this.changelog[partition];
          if (log === undefined) throw new Error(`there is no changelog partition ${partition}`);
          return log.push(...records.map(({ key, value }) => ({ key: key as Buffer, value, openIn: id })));
        }),
      sendOffset: ({ partition }, { offset, metadata }) =>
        this.#change('send offset', () => {
          position = [partition, metadata === undefined ? { offset } : { offset, metadata }];
        }),
      commit: () =>
        this.#change('commit', () => {
          for (const [partition, log] of this.changelog.entries())
            if (!this.skipped.has(partition)) commit(partition);
            else for (const record of log) if (record.openIn === id) record.isLeftOpen = true;
          if (position !== null) this.offsets.set(...position);
        }),
      openFrom: ({ partition }) => Promise.resolve(this.#openFrom(id, partition)),
      repeatEnd: (places, outcome) =>
        this.#change('repeat end', () => {
          this.repeatedEnds++;
          if (outcome !== 'commit') throw new Error('a move that was committed is aborted');
          for (const { partition } of places) if (this.canBeEnded || !this.skipped.has(partition)) commit(partition);
        }),
      discard: () => Promise.resolve(),
    };
  }
}

function encoded<T>(row: T, write: (to: ByteWriter, row: T) => void): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to, row);
  return Buffer.from(to.end());
}

function positionAt(offset: number): Buffer {
  return encoded({ topic: 'input', offset, countedUnder: 1 }, writePositionRow);
}

const ANNOUNCED = encoded(
  {
    outcome: 'announced',
    policy: 'ALL_DATASETS',
    offset: 3,
    synchronizedAt: 1_700_000_000_000,
    named: 1,
    succeeded: 1,
    failed: 0,
    ended: 0,
  },
  writeCompanyRow,
);
