/** The input records that came after dead letters: repairs of them, and events that a repair must not undo. */
import type { DatasetStatusChanged, InputEvent } from '../domain/events.js';
import { repairsOf } from '../decode/sync-event-decoder.js';
import { assertNever } from '../lib/assert-never.js';
import type { Header, LogRecord } from '../lib/record.js';
import { idOf } from '../publish/dead-letter.js';
import type { RecordId } from './repair-attempts.js';

/** Decodes records to events. If a record is not an event, gives the reason as text. */
export type Decode = (records: readonly LogRecord[]) => Promise<readonly (InputEvent | string)[]>;

export type RecordIds = Pick<ReadonlySet<RecordId>, 'has'>;

/** Memory for the watched companies. It is bounded, because anyone may send any number of records with any ids. */
export const MAX_AFTERWARDS_BYTES = 256 * 1_024 * 1_024;
/** Bytes of one entry, without its ids. */
const ENTRY_BYTES = 200;

interface Options {
  readonly maxBytes?: number;
  /** Dead letters that this command has repaired. Its repairs of them are not events that another repair may undo. */
  readonly repairedNow?: RecordIds;
}

/** A record of the input. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

interface LastStatus extends Place {
  /** The last status without a revision. */
  readonly unnumbered: Place | null;
}

interface Naming extends Place {
  readonly linkId: string;
}

/**
 * Whether the event, if it is sent now, may undo later records. A status without a revision counts as the latest. A
 * status with a revision replaces one without, because that has left the known revision as it was. An unlink ends every link of its connection. A manifest moves its datasets to its own link, and opens a link whose
 * connection may be gone.
 */
export function judgedByTime({ payload }: InputEvent, force: boolean): boolean {
  if (force) return false;
  switch (payload.kind) {
    case 'status':
      return payload.trigger !== 'REFRESH'; // A refresh changes nothing.
    case 'unlinked':
    case 'manifest':
      return true;
    case 'deleted':
    case 'announced-elsewhere':
      return false;
  }
}

/** The later records take more memory than allowed. The message says what to do. */
export class TooMuchAfterwardsError extends Error {
  override readonly name = 'TooMuchAfterwardsError';
}

export class InputAfterwards {
  /** Record that could not be read -> its last repair. */
  readonly #repairs = new Map<RecordId, RecordId>();
  /**
   * For the watched companies: the last status of each dataset, and its last one without a revision; the last manifest of each connection and dataset, the
   * last unlink of each connection, and the first manifest of each link.
   */
  readonly #statuses = new Map<string, LastStatus>();
  readonly #linkings = new Map<string, Place>();
  readonly #namings = new Map<string, Naming>();
  readonly #unlinks = new Map<string, Place>();
  readonly #firstOfLinks = new Map<string, Place>();
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #repairedNow: RecordIds;

  /**
   * @param badRecords ids of bad records: they have lifted no hold and changed nothing
   * @param watched the companies whose statuses and manifests matter
   */
  constructor(
    private readonly badRecords: RecordIds,
    private readonly watched: ReadonlySet<string>,
    private readonly decode: Decode,
    { maxBytes = MAX_AFTERWARDS_BYTES, repairedNow = new Set() }: Options = {},
  ) {
    this.#maxBytes = maxBytes;
    this.#repairedNow = repairedNow;
  }

  /** Takes records of one partition, in the order of their offsets. */
  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const read = records.filter(({ offset }) => !this.badRecords.has(idOf({ partition, offset })));
    for (const { headers, offset } of read)
      if (headers.length > 0)
        for (const id of repairsOf(headers))
          if (this.badRecords.has(id)) this.#repairs.set(id, idOf({ partition, offset }));
    if (this.watched.size === 0) return;
    const ofWatched = read.filter(
      ({ key, headers }) => key !== null && this.watched.has(key.toString()) && !this.#isRepairedNow(headers),
    );
    for (const event of await this.decode(ofWatched))
      if (typeof event !== 'string') this.#note(event, { partition, offset: event.offset, timestamp: event.timestamp });
  }

  /** The last readable record that names this one in a `repairs` header; null if no record does. */
  repairOf(id: RecordId): RecordId | null {
    return this.#repairs.get(id) ?? null;
  }

  /**
   * Returns why the event must not be sent in place of the dead letter, and what to do instead. Null if the event would
   * not undo any record after the dead letter. Partitions have no common order. So if the later record is in another
   * partition, for example after a wrong key, the timestamps decide.
   */
  refusalOf({ companyId, payload }: InputEvent, deadLetter: Place): string | null {
    switch (payload.kind) {
      case 'status': {
        const isNumbered = payload.revision !== null;
        const status = this.#statuses.get(within(companyId, payload.datasetId)) ?? null;
        const last = isNumbered ? (status?.unnumbered ?? null) : status;
        if (payload.trigger === 'REFRESH' || last === null || !isLater(last, deadLetter)) return null;
        const without = isNumbered ? 'the later status has no revision' : 'this status has no revision';
        return (
          `dataset ${payload.datasetId} has a later status (${idOf(last)}), and this status would replace it, because ` +
          `${without}: release the company instead, or pass --force`
        );
      }
      case 'unlinked': {
        const last = this.#linkings.get(within(companyId, payload.connectionId));
        if (last === undefined || !isLater(last, deadLetter)) return null;
        return (
          `connection ${payload.connectionId} has a later manifest (${idOf(last)}), and this unlink would end its link ` +
          `too: release the company and send Cancelled for the datasets that were unlinked, or pass --force`
        );
      }
      case 'manifest': {
        const unlink = this.#unlinks.get(within(companyId, payload.connectionId));
        if (unlink !== undefined && isLater(unlink, deadLetter) && !this.#hasEnded(companyId, payload.linkId, unlink))
          return (
            `connection ${payload.connectionId} was unlinked later (${idOf(unlink)}), and this manifest would open link ` +
            `${payload.linkId} again, whose datasets would never finish: release the company instead. If another part of ` +
            `the link came before the unlink, pass --force`
          );
        for (const { datasetId } of payload.datasets) {
          const last = this.#namings.get(within(companyId, datasetId));
          if (last === undefined || last.linkId === payload.linkId || !isLater(last, deadLetter)) continue;
          return (
            `dataset ${datasetId} has a later manifest (${idOf(last)}), and this manifest would take it from link ` +
            `${last.linkId}: pass a manifest without this dataset with --file, or pass --force`
          );
        }
        return null;
      }
      case 'deleted':
      case 'announced-elsewhere':
        return null;
    }
  }

  /** Whether the unlink has ended the link. It ends only links that it follows; a part of such a link may come later. */
  #hasEnded(companyId: string, linkId: string, unlink: Place): boolean {
    const first = this.#firstOfLinks.get(within(companyId, linkId));
    return first !== undefined && isLater(unlink, first);
  }

  #isRepairedNow(headers: readonly Header[]): boolean {
    return headers.length > 0 && repairsOf(headers).some((id) => this.#repairedNow.has(id));
  }

  #note({ companyId, payload }: InputEvent, place: Place): void {
    switch (payload.kind) {
      case 'status':
        if (payload.trigger !== 'REFRESH') this.#noteStatus(within(companyId, payload.datasetId), payload, place);
        return;
      case 'manifest': {
        const { connectionId, linkId, datasets } = payload;
        this.#keep(this.#linkings, within(companyId, connectionId), place);
        const link = within(companyId, linkId);
        if (!this.#firstOfLinks.has(link)) this.#keep(this.#firstOfLinks, link, place);
        const naming = { ...place, linkId };
        for (const { datasetId } of datasets) this.#keep(this.#namings, within(companyId, datasetId), naming);
        return;
      }
      case 'unlinked':
        this.#keep(this.#unlinks, within(companyId, payload.connectionId), place);
        return;
      case 'deleted':
      case 'announced-elsewhere':
        return;
      default:
        assertNever(payload);
    }
  }

  #noteStatus(key: string, { revision }: DatasetStatusChanged, place: Place): void {
    const unnumbered = revision === null ? place : (this.#statuses.get(key)?.unnumbered ?? null);
    this.#keep(this.#statuses, key, { ...place, unnumbered });
  }

  /** @throws TooMuchAfterwardsError */
  #keep<T extends Place>(places: Map<string, T>, key: string, place: T): void {
    if (!places.has(key)) this.#bytes += ENTRY_BYTES + key.length;
    if (this.#bytes > this.#maxBytes)
      throw new TooMuchAfterwardsError(
        `the records after the dead letters take more than ${this.#maxBytes} bytes of memory: repair the dead letters one ` +
          'by one, or pass --force to repair them without checking later records',
      );
    places.set(key, place);
  }
}

function isLater(place: Place, deadLetter: Place): boolean {
  return place.partition === deadLetter.partition
    ? place.offset > deadLetter.offset
    : place.timestamp >= deadLetter.timestamp;
}

function within(companyId: string, id: string): string {
  return JSON.stringify([companyId, id]);
}
