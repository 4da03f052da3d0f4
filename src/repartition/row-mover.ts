/** Moves rows of one changelog partition to the partitions of their companies' keys, within one transaction. */
import type { RecordToWrite } from '../lib/record.js';
import { NO_HEADERS } from '../lib/record.js';
import type { TransactionalProducer } from '../pipeline/ports.js';
import { ByteWriter } from '../lib/byte-writer.js';
import type { Pair } from '../store/key-value-store.js';
import { FIRST_VOCABULARY } from '../domain/statuses.js';
import { decodePositionRow, writePositionRow } from '../store/row-codec.js';
import { isOriginKey, isPositionKey, POSITION_KEY } from '../store/row-keys.js';
import { companyOf } from './changelog-survey.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';

const ROWS_A_WRITE = 2_000;

/** Writes the rows of one partition to their new partitions, and tombstones in their place. */
export class RowMover {
  #moved = 0;
  #waiting: Pair[] = [];
  #position: Buffer | null = null;

  constructor(
    private readonly producer: TransactionalProducer,
    private readonly changelog: string,
    private readonly partition: number,
    private readonly partitions: number,
  ) {}

  async take(row: Pair): Promise<void> {
    if (isPositionKey(row.key)) this.#position = row.value;
    else if (isOriginKey(row.key))
      return; // It stays. The other partitions write their own at their first take-over.
    else if (partitionOfKey(companyOf(row.key), this.partitions) !== this.partition) this.#waiting.push(row);
    if (this.#waiting.length >= ROWS_A_WRITE) await this.#flush();
  }

  /** Writes the rest of the rows, and then a position row. @returns how many rows have moved */
  async finish(input: string, firstPosition: number): Promise<number> {
    await this.#flush();
    const position = this.#position === null ? null : decodePositionRow(this.#position);
    const value = positionRow(position?.topic ?? input, position?.offset ?? firstPosition);
    await this.#produce(this.partition, [recordOf(POSITION_KEY, value)]);
    return this.#moved;
  }

  async #flush(): Promise<void> {
    const rows = this.#waiting;
    if (rows.length === 0) return;
    this.#waiting = [];
    const byTarget = new Map<number, RecordToWrite[]>();
    for (const { key, value } of rows) {
      const target = partitionOfKey(companyOf(key), this.partitions);
      const records = byTarget.get(target) ?? [];
      records.push(recordOf(key, value));
      byTarget.set(target, records);
    }
    for (const [target, records] of byTarget) await this.#produce(target, records);
    await this.#produce(
      this.partition,
      rows.map(({ key }) => recordOf(key, null)),
    );
    this.#moved += rows.length;
  }

  async #produce(partition: number, records: readonly RecordToWrite[]): Promise<void> {
    await this.producer.produce({ topic: this.changelog, partition }, records);
  }
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
