/** The input records that came after dead letters: repairs of them, and events that a repair must not undo. */
import type { DatasetStatusChanged, InputEvent } from '../domain/events.js';
import { repairsOf } from '../decode/sync-event-decoder.js';
import { assertNever } from '../lib/assert-never.js';
import { foreignText } from '../lib/foreign-text.js';
import type { Header, LogRecord } from '../lib/record.js';
import { idOf } from '../publish/dead-letter.js';
import type { BadRecords } from './original-record.js';
import type { RecordId } from './repair-attempts.js';

/** Decodes records to events. If a record is not an event, gives the reason as text. */
export type Decode = (records: readonly LogRecord[]) => Promise<readonly (InputEvent | string)[]>;

export type RecordIds = Pick<ReadonlySet<RecordId>, 'has'>;

/** Memory for the watched companies. It is bounded, because anyone may send any number of records with any ids. */
export const MAX_AFTERWARDS_BYTES = 256 * 1_024 * 1_024;
/** Bytes of one entry, without its ids. There is one for each partition with records about the same ids. */
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
  /** The highest revision; null if no status has one. */
  readonly revision: DatasetStatusChanged['revision'];
}

interface Naming extends Place {
  readonly linkId: string;
}

/** For each key, the last place in each partition. */
type LastPlaces<T extends Place> = Map<string, T[]>;

/**
 * Whether the event, if it is sent now, may undo later records. A status without a revision counts as the latest. A
 * status with a revision replaces one without, because that has left the known revision as it was. But if the known
 * revision is as high, the event changes nothing. An unlink ends every link of its connection. A manifest moves its
 * datasets to its own link, and opens a link whose connection may be gone.
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
   * For the watched companies, in each partition: the last status of each dataset, its last one without a revision and
   * its highest revision; the last manifest of each connection and dataset, the last unlink of each connection, and the
   * first manifest of each link.
   */
  readonly #statuses: LastPlaces<LastStatus> = new Map();
  readonly #linkings: LastPlaces<Place> = new Map();
  readonly #namings: LastPlaces<Naming> = new Map();
  readonly #unlinks: LastPlaces<Place> = new Map();
  readonly #firstOfLinks: LastPlaces<Place> = new Map();
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #repairedNow: RecordIds;

  /**
   * @param badRecords they have lifted no hold and changed nothing
   * @param watched the companies whose statuses and manifests matter
   */
  constructor(
    private readonly badRecords: BadRecords,
    private readonly watched: ReadonlySet<string>,
    private readonly decode: Decode,
    { maxBytes = MAX_AFTERWARDS_BYTES, repairedNow = new Set() }: Options = {},
  ) {
    this.#maxBytes = maxBytes;
    this.#repairedNow = repairedNow;
  }

  /** Takes records of one partition, in the order of their offsets. */
  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    const read = records.filter((record) => {
      const id = idOf({ partition, offset: record.offset });
      return !this.badRecords.has(id) || !this.badRecords.hasCopyOf(id, record);
    });
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
   * not undo any record after the dead letter.
   *
   * Partitions have no common order. So the records of each partition are judged by themselves, and one refusal is
   * enough. If the partition is not that of the dead letter, for example after a wrong key or after a repartition, the
   * timestamps decide which records are later.
   */
  refusalOf({ companyId, payload }: InputEvent, deadLetter: Place): string | null {
    switch (payload.kind) {
      case 'status': {
        const last = this.#statusUndoneBy(companyId, payload, deadLetter);
        if (last === null) return null;
        const without = payload.revision === null ? 'this status has no revision' : 'the later status has no revision';
        return (
          `dataset ${foreignText(payload.datasetId)} has a later status (${idOf(last)}), and this status would replace it, because ` +
          `${without}: release the company instead, or pass --force`
        );
      }
      case 'unlinked': {
        const manifests = this.#linkings.get(within(companyId, payload.connectionId)) ?? [];
        const last = manifests.find((place) => isLater(place, deadLetter));
        if (last === undefined) return null;
        return (
          `connection ${foreignText(payload.connectionId)} has a later manifest (${idOf(last)}), and this unlink would end its link ` +
          `too: release the company and send Cancelled for the datasets that were unlinked, or pass --force`
        );
      }
      case 'manifest': {
        const { connectionId, linkId } = payload;
        const unlinks = this.#unlinks.get(within(companyId, connectionId)) ?? [];
        const unlink = unlinks.find((place) => isLater(place, deadLetter) && !this.#hasEnded(companyId, linkId, place));
        if (unlink !== undefined)
          return (
            `connection ${foreignText(connectionId)} was unlinked later (${idOf(unlink)}), and this manifest would open link ` +
            `${foreignText(linkId)} again, whose datasets would never finish: release the company instead. If another part of ` +
            `the link came before the unlink, pass --force`
          );
        for (const { datasetId } of payload.datasets) {
          const namings = this.#namings.get(within(companyId, datasetId)) ?? [];
          const last = namings.find((naming) => naming.linkId !== linkId && isLater(naming, deadLetter));
          if (last === undefined) continue;
          return (
            `dataset ${foreignText(datasetId)} has a later manifest (${idOf(last)}), and this manifest would take it from link ` +
            `${foreignText(last.linkId)}: pass a manifest without this dataset with --file, or pass --force`
          );
        }
        return null;
      }
      case 'deleted':
      case 'announced-elsewhere':
        return null;
    }
  }

  /** A later status that the status would replace; null if there is none. */
  #statusUndoneBy(
    companyId: string,
    { datasetId, revision, trigger }: DatasetStatusChanged,
    deadLetter: Place,
  ): Place | null {
    if (trigger === 'REFRESH') return null;
    for (const last of this.#statuses.get(within(companyId, datasetId)) ?? []) {
      const isStale = revision !== null && last.revision !== null && last.revision >= revision;
      const replaced = revision === null ? last : last.unnumbered;
      if (!isStale && replaced !== null && isLater(replaced, deadLetter)) return replaced;
    }
    return null;
  }

  /**
   * Whether the unlink has surely ended the link. It ends only links that it follows, and only within a partition is it
   * known which of the two came first. A part of such a link may come later.
   */
  #hasEnded(companyId: string, linkId: string, { partition, offset }: Place): boolean {
    const first = lastIn(this.#firstOfLinks.get(within(companyId, linkId)), partition);
    return first !== undefined && first.offset < offset;
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
        if (lastIn(this.#firstOfLinks.get(link), place.partition) === undefined)
          this.#keep(this.#firstOfLinks, link, place);
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
    const before = lastIn(this.#statuses.get(key), place.partition);
    const unnumbered = revision === null ? latest(before?.unnumbered, place) : (before?.unnumbered ?? null);
    this.#keep(this.#statuses, key, { ...place, unnumbered, revision: highest(before?.revision ?? null, revision) });
  }

  /** Keeps the place instead of the one before it in its partition. @throws TooMuchAfterwardsError */
  #keep<T extends Place>(places: LastPlaces<T>, key: string, place: T): void {
    const ofKey = places.get(key);
    const at = ofKey?.findIndex(({ partition }) => partition === place.partition) ?? -1;
    if (ofKey !== undefined && at >= 0) {
      ofKey[at] = latest(ofKey[at], place);
      return;
    }
    this.#bytes += ENTRY_BYTES + key.length;
    if (this.#bytes > this.#maxBytes)
      throw new TooMuchAfterwardsError(
        `the records after the dead letters take more than ${this.#maxBytes} bytes of memory: repair the dead letters one ` +
          'by one, or pass --force to repair them without checking later records',
      );
    if (ofKey === undefined) places.set(key, [place]);
    else ofKey.push(place);
  }
}

function lastIn<T extends Place>(places: readonly T[] | undefined, partition: number): T | undefined {
  return places?.find((place) => place.partition === partition);
}

/** The place, with the highest timestamp so far: the clocks of producers differ. */
function latest<T extends Place>(before: Place | null | undefined, place: T): T {
  return before == null || before.timestamp <= place.timestamp ? place : { ...place, timestamp: before.timestamp };
}

function highest(a: DatasetStatusChanged['revision'], b: DatasetStatusChanged['revision']) {
  return a === null || (b !== null && b > a) ? b : a;
}

function isLater(place: Place, deadLetter: Place): boolean {
  return place.partition === deadLetter.partition
    ? place.offset > deadLetter.offset
    : place.timestamp >= deadLetter.timestamp;
}

function within(companyId: string, id: string): string {
  return JSON.stringify([companyId, id]);
}
