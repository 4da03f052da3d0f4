/** What the input has got since dead letters were written: repairs of them, and later statuses of their datasets. */
import type { InputEvent } from '../domain/events.js';
import { repairsOf } from '../decode/sync-event-decoder.js';
import type { LogRecord } from '../lib/record.js';
import { idOf, type DeadLetter } from '../publish/dead-letter-reading.js';
import type { RecordId } from './repair-attempts.js';

/** Records as events; in words why one is none. */
export type Decode = (records: readonly LogRecord[]) => Promise<readonly (InputEvent | string)[]>;

export type RecordIds = Pick<ReadonlySet<RecordId>, 'has'>;

interface Place {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

export class InputAfterwards {
  readonly #repairs = new Map<RecordId, RecordId>();
  /** The last status of each dataset of the companies watched. */
  readonly #statuses = new Map<string, Place>();

  /**
   * @param poison records that could not be read: they have lifted and changed nothing
   * @param watched the companies whose statuses matter
   */
  constructor(
    private readonly poison: RecordIds,
    private readonly watched: ReadonlySet<string>,
    private readonly decode: Decode,
  ) {}

  /** Records of one partition, in order. */
  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const read = records.filter(({ offset }) => !this.poison.has(idOf({ partition, offset })));
    for (const { headers, offset } of read)
      if (headers.length > 0) for (const id of repairsOf(headers)) this.#repairs.set(id, idOf({ partition, offset }));
    if (this.watched.size === 0) return;
    const ofWatched = read.filter(({ key }) => key !== null && this.watched.has(key.toString()));
    for (const event of await this.decode(ofWatched)) {
      if (typeof event === 'string' || event.payload.kind !== 'status' || event.payload.trigger === 'REFRESH') continue;
      const { companyId, payload, offset, timestamp } = event;
      this.#statuses.set(datasetOf(companyId, payload.datasetId), { partition, offset, timestamp });
    }
  }

  /** The last record that could be read and names this one in a `repairs` header; null where there is none. */
  repairOf(id: RecordId): RecordId | null {
    return this.#repairs.get(id) ?? null;
  }

  /**
   * The last status of a dataset, where it came after the letter; else null. Partitions have no order among each other:
   * in another than the letter's, which the record of a wrong key is in, the stamps decide.
   */
  laterStatus(companyId: string, datasetId: string, letter: DeadLetter): RecordId | null {
    const last = this.#statuses.get(datasetOf(companyId, datasetId));
    if (last === undefined) return null;
    const later =
      last.partition === letter.partition ? last.offset > letter.offset : last.timestamp >= letter.timestamp;
    return later ? idOf(last) : null;
  }
}

function datasetOf(companyId: string, datasetId: string): string {
  return JSON.stringify([companyId, datasetId]);
}
