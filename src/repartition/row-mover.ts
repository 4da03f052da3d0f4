/**
 * Moves rows of one changelog partition to the partitions of their companies' keys, in transactions of limited size.
 *
 * Each transaction has rows for other partitions, and their tombstones here. So each row is in exactly one place after
 * any number of transactions, and an interrupted move is continued with the rows that are still here.
 */
import { steadyMs } from '../lib/stopwatch.js';
import type { Clock } from '../lib/clock.js';
import type { RecordToWrite, TopicPartition } from '../lib/record.js';
import { NO_HEADERS } from '../lib/record.js';
import { settleAll } from '../lib/settle-all.js';
import type { CommittedOffset, TransactionalProducer } from '../pipeline/ports.js';
import { ByteWriter } from '../lib/byte-writer.js';
import type { Pair } from '../store/key-value-store.js';
import { FIRST_VOCABULARY } from '../domain/statuses.js';
import { decodePositionRow, writePositionRow, type PositionRow } from '../store/row-codec.js';
import { isOriginKey, isPositionKey, POSITION_KEY } from '../store/row-keys.js';
import { companyOf } from './changelog-survey.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';

/**
 * Rows of one transaction: at first, and at most. A transaction that times out is never tried again at the same size,
 * because the command begins with the first size again.
 */
const FIRST_ROWS = 1_000;
const MAX_ROWS = 10_000;
/** Bytes of a transaction for each of its rows, so 4 MB at most. A larger row has a transaction of its own. */
const BYTES_A_ROW = 400;
/** The time-out is 20 s. A faster transaction doubles the size of the next one, and a slower one halves it. */
const FAST_MS = 2_000;
const SLOW_MS = 4_000;

export interface RowMoverPorts {
  readonly producer: Pick<TransactionalProducer, 'begin' | 'produce' | 'sendOffset' | 'commit' | 'throttledMs'>;
  /** Resolves when the committed transaction has ended in all of these places: only then may the next one begin. */
  readonly ended: (places: readonly TopicPartition[]) => Promise<void>;
  readonly clock: Clock;
}

/** What the last transaction of a partition writes in addition. */
export interface LastMove {
  readonly input: string;
  /** The position of a partition that has no position row. */
  readonly firstPosition: number;
  /** The group's offset for the partition: the mark that it is done. */
  readonly mark: CommittedOffset;
}

export class RowMover {
  #moved = 0;
  #waiting: Pair[] = [];
  #waitingBytes = 0;
  #maxRows = FIRST_ROWS;
  #position: Buffer | null = null;

  constructor(
    private readonly ports: RowMoverPorts,
    private readonly changelog: string,
    private readonly partition: number,
    private readonly partitions: number,
  ) {}

  async take(row: Pair): Promise<void> {
    if (isPositionKey(row.key)) this.#position = row.value;
    else if (isOriginKey(row.key))
      return; // It stays. The other partitions write their own at their first take-over.
    else if (partitionOfKey(companyOf(row.key), this.partitions) !== this.partition) await this.#add(row);
  }

  /** Moves the rest of the rows, and writes a position row and the mark. @returns how many rows have moved */
  async finish({ input, firstPosition, mark }: LastMove): Promise<number> {
    const position = this.#position === null ? null : decodePositionRow(this.#position);
    const value = positionRow(position?.topic ?? input, position?.offset ?? firstPosition);
    await this.#transaction([recordOf(POSITION_KEY, value)], () =>
      this.ports.producer.sendOffset({ topic: input, partition: this.partition }, mark),
    );
    return this.#moved;
  }

  async #add(row: Pair): Promise<void> {
    this.#waiting.push(row);
    this.#waitingBytes += row.key.length + row.value.length;
    if (this.#waiting.length >= this.#maxRows || this.#waitingBytes >= this.#maxRows * BYTES_A_ROW)
      await this.#transaction([], () => Promise.resolve());
  }

  /** @param here further records for this partition @param last called before the commit */
  async #transaction(here: readonly RecordToWrite[], last: () => Promise<void>): Promise<void> {
    const { producer, ended, clock } = this.ports;
    const rows = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const writes = this.#byTarget(rows);
    writes.set(this.partition, [...rows.map(({ key }) => recordOf(key, null)), ...here]);
    const places = [...writes.keys()].map((partition) => ({ topic: this.changelog, partition }));

    const began = steadyMs(clock);
    await producer.begin(places);
    await settleAll(
      [...writes].map(([partition, records]) => producer.produce({ topic: this.changelog, partition }, records)),
    );
    await last();
    await producer.commit();
    await ended(places);
    this.#moved += rows.length;
    this.#adapt(steadyMs(clock) - began + producer.throttledMs);
    // A quota counts bytes over seconds. A transaction that is open during that wait could time out.
    if (producer.throttledMs > 0) await clock.delay(producer.throttledMs);
  }

  #byTarget(rows: readonly Pair[]): Map<number, RecordToWrite[]> {
    const writes = new Map<number, RecordToWrite[]>();
    for (const { key, value } of rows) {
      const target = partitionOfKey(companyOf(key), this.partitions);
      const records = writes.get(target) ?? [];
      records.push(recordOf(key, value));
      writes.set(target, records);
    }
    return writes;
  }

  #adapt(tookMs: number): void {
    if (tookMs < FAST_MS) this.#maxRows = Math.min(2 * this.#maxRows, MAX_ROWS);
    else if (tookMs > SLOW_MS) this.#maxRows = Math.max(1, Math.floor(this.#maxRows / 2));
  }
}

/** Writes the position row of a changelog partition again, behind the rows that were moved there after it. */
export async function writePositionLast(
  { producer, ended }: Pick<RowMoverPorts, 'producer' | 'ended'>,
  log: TopicPartition,
  { topic, offset }: Pick<PositionRow, 'topic' | 'offset'>,
): Promise<void> {
  await producer.begin([log]);
  await producer.produce(log, [recordOf(POSITION_KEY, positionRow(topic, offset))]);
  await producer.commit();
  await ended([log]);
}

function positionRow(topic: string, offset: number): Buffer {
  const to = new ByteWriter();
  to.begin();
  // Now this partition has rows of several partitions: its next owner counts companies again.
  writePositionRow(to, { topic, offset, countedUnder: FIRST_VOCABULARY });
  return to.end();
}

function recordOf(key: Buffer, value: Buffer | null): RecordToWrite {
  return { key, value, headers: NO_HEADERS };
}
