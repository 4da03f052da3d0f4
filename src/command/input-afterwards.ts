/** What the input has got since dead letters were written: repairs of them, and what they must not undo if sent again. */
import type { InputEvent } from '../domain/events.js';
import { repairsOf } from '../decode/sync-event-decoder.js';
import { assertNever } from '../lib/assert-never.js';
import type { LogRecord } from '../lib/record.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { RecordId } from './repair-attempts.js';

/** Records as events; in words why one is not an event. */
export type Decode = (records: readonly LogRecord[]) => Promise<readonly (InputEvent | string)[]>;

export type RecordIds = Pick<ReadonlySet<RecordId>, 'has'>;

/** What is kept of the companies watched; anyone may send any number of records with any ids. */
export const MAX_AFTERWARDS_BYTES = 256 * 1_024 * 1_024;
/** Of one, without its ids. */
const ENTRY_BYTES = 200;

interface Place {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

interface Naming extends Place {
  readonly linkId: string;
}

/**
 * Whether the event may undo what came after it, whenever it comes: a status without a revision counts as the latest, an
 * unlink ends every link of its connection, and a manifest takes its datasets to its own link.
 */
export function judgedByTime({ payload }: InputEvent, force: boolean): boolean {
  if (force) return false;
  switch (payload.kind) {
    case 'status':
      return payload.revision === null;
    case 'unlinked':
    case 'manifest':
      return true;
    case 'deleted':
    case 'announced-elsewhere':
      return false;
  }
}

export class InputAfterwards {
  /** Of the records that could not be read. */
  readonly #repairs = new Map<RecordId, RecordId>();
  /** Of the companies watched: the last status of each dataset, and the last manifests of each connection and dataset. */
  readonly #statuses = new Map<string, Place>();
  readonly #linkings = new Map<string, Place>();
  readonly #namings = new Map<string, Naming>();
  #bytes = 0;

  /**
   * @param poison records that could not be read: they have lifted and changed nothing
   * @param watched the companies whose statuses and manifests matter
   */
  constructor(
    private readonly poison: RecordIds,
    private readonly watched: ReadonlySet<string>,
    private readonly decode: Decode,
    private readonly maxBytes = MAX_AFTERWARDS_BYTES,
  ) {}

  /** Records of one partition, in order. */
  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const read = records.filter(({ offset }) => !this.poison.has(idOf({ partition, offset })));
    for (const { headers, offset } of read)
      if (headers.length > 0)
        for (const id of repairsOf(headers))
          if (this.poison.has(id)) this.#repairs.set(id, idOf({ partition, offset }));
    if (this.watched.size === 0) return;
    const ofWatched = read.filter(({ key }) => key !== null && this.watched.has(key.toString()));
    for (const event of await this.decode(ofWatched))
      if (typeof event !== 'string') this.#note(event, { partition, offset: event.offset, timestamp: event.timestamp });
  }

  /** The last record that could be read and names this one in a `repairs` header; null if no record does. */
  repairOf(id: RecordId): RecordId | null {
    return this.#repairs.get(id) ?? null;
  }

  /**
   * Why the event must not be sent in place of the letter, and what to do instead; null where nothing that came after the
   * letter would be undone. Partitions have no order among each other: in another than the letter's, which the record of
   * a wrong key is in, the stamps decide.
   */
  refusalOf({ companyId, payload }: InputEvent, letter: DeadLetter): string | null {
    switch (payload.kind) {
      case 'status': {
        const last = this.#statuses.get(within(companyId, payload.datasetId));
        if (payload.revision !== null || last === undefined || !isLater(last, letter)) return null;
        return (
          `dataset ${payload.datasetId} has a later status (${idOf(last)}), which this one without a revision would ` +
          `replace: release the company instead, or use --force`
        );
      }
      case 'unlinked': {
        const last = this.#linkings.get(within(companyId, payload.connectionId));
        if (last === undefined || !isLater(last, letter)) return null;
        return (
          `connection ${payload.connectionId} has a later manifest (${idOf(last)}), whose link this would end too: ` +
          `release the company instead and send Cancelled for the datasets that were unlinked, or use --force`
        );
      }
      case 'manifest':
        for (const { datasetId } of payload.datasets) {
          const last = this.#namings.get(within(companyId, datasetId));
          if (last === undefined || last.linkId === payload.linkId || !isLater(last, letter)) continue;
          return (
            `dataset ${datasetId} has a later manifest (${idOf(last)}), from whose link ${last.linkId} this would take ` +
            `it: give one without it with --file, or use --force`
          );
        }
        return null;
      case 'deleted':
      case 'announced-elsewhere':
        return null;
    }
  }

  #note({ companyId, payload }: InputEvent, place: Place): void {
    switch (payload.kind) {
      case 'status':
        if (payload.trigger !== 'REFRESH') this.#keep(this.#statuses, within(companyId, payload.datasetId), place);
        return;
      case 'manifest': {
        const { connectionId, linkId, datasets } = payload;
        this.#keep(this.#linkings, within(companyId, connectionId), place);
        const naming = { ...place, linkId };
        for (const { datasetId } of datasets) this.#keep(this.#namings, within(companyId, datasetId), naming);
        return;
      }
      case 'unlinked':
      case 'deleted':
      case 'announced-elsewhere':
        return;
      default:
        assertNever(payload);
    }
  }

  /** @throws Error if what came afterwards takes more than memory may be taken for */
  #keep<T extends Place>(places: Map<string, T>, key: string, place: T): void {
    if (!places.has(key)) this.#bytes += ENTRY_BYTES + key.length;
    if (this.#bytes > this.maxBytes)
      throw new Error(
        `what came after the dead letters takes more than ${this.maxBytes} bytes to keep: repair them one by one, or ` +
          'by --force without a look at what came after them',
      );
    places.set(key, place);
  }
}

function isLater(place: Place, letter: DeadLetter): boolean {
  return place.partition === letter.partition ? place.offset > letter.offset : place.timestamp >= letter.timestamp;
}

function within(companyId: string, id: string): string {
  return JSON.stringify([companyId, id]);
}
