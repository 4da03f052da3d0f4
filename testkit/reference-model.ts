/**
 * A second implementation of the rules, written to be obviously right instead of fast. It keeps the records that count
 * in plain lists. After each record, it computes everything again from those lists. It shares no code and no types with
 * `src`, so a mistake in `src` is not repeated here. It uses the words of the contract; numbers in brackets are the
 * points of its fine print. More than 300 lines, in one file, because it is read beside the contract from top to
 * bottom.
 *
 * The property tests compare the rules with this model. An audit of real topics can do the same: read the records of
 * one company in the order of their offsets, decode them, and compare `judgeCompany(...).announcement` with the
 * published announcement.
 */
import { createHash } from 'node:crypto';

export type TriggerPolicy = 'FIRST_DATASET' | 'ALL_DATASETS';

export type ReferencePayload =
  | {
      readonly type: 'LinkSyncQueued';
      readonly linkId: string;
      readonly connectionId: string;
      readonly sourceType: string;
      readonly companyName: string;
      readonly datasets: readonly { readonly datasetId: string; readonly dataType: string }[];
      readonly isFinal: boolean;
    }
  | {
      readonly type: 'DatasetStatusChanged';
      readonly datasetId: string;
      readonly status: string;
      readonly trigger: 'LINK' | 'REFRESH' | 'UNKNOWN';
      readonly revision: number | bigint | null;
    }
  | { readonly type: 'ConnectionUnlinked'; readonly connectionId: string }
  | { readonly type: 'CompanyDeleted' }
  | { readonly type: 'AnnouncedElsewhere' };

interface RecordPlace {
  readonly offset: number;
  /** Kafka timestamp, milliseconds since the epoch. */
  readonly timestamp: number;
}

/** A record that could be decoded. */
export interface EventRecord extends RecordPlace {
  readonly kind: 'event';
  readonly clientId: string;
  /** The client's `synchronizedTrigger` in force when the record was judged; null if the client has none. */
  readonly clientSetting: TriggerPolicy | null;
  /** Values of the `repairs` headers, `<partition>/<offset>` each. */
  readonly repairs: readonly string[];
  readonly payload: ReferencePayload;
}

/** The codes of records that can be read but exceed a limit. */
export type LimitCode = 'too-many-datasets' | 'too-large';

/**
 * A record with the company's key that could not be decoded, or that exceeds a limit by itself, whatever its company
 * has.
 */
export interface BadRecord extends RecordPlace {
  readonly kind: 'bad-record';
  readonly code: 'bad-framing' | 'unknown-schema' | 'undecodable' | 'key-mismatch' | LimitCode;
}

export type HistoryRecord = EventRecord | BadRecord;

/** The input partition of a history, and the settings of the processor that read it. */
export interface HistoryContext {
  readonly companyId: string;
  readonly topic: string;
  readonly partition: number;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  /** EVENT_NAMESPACE; the application id if it was not set. */
  readonly eventNamespace: string;
  /**
   * Whether the release that read the record at an offset knew the status words that were added later. By default every
   * record was read by a release that knows them.
   */
  readonly knewLaterWordsAt?: (offset: number) => boolean;
  /**
   * Whether the release that read the record at an offset publishes `CompanySyncFailed`, and stores when the company was
   * linked. By default every record was read by such a release.
   */
  readonly reportedFailuresAt?: (offset: number) => boolean;
}

/** The fields of the outbound record. `connections` and `datasets` are sets; here they are sorted by id. */
export interface ReferenceAnnouncement {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: number;
  readonly trigger: TriggerPolicy;
  readonly connections: readonly { readonly connectionId: string; readonly sourceType: string }[];
  readonly datasets: readonly ReferenceDataset[];
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly linkedAt: number | null;
}

/** The fields of `CompanySyncFailed`; lists as in `ReferenceAnnouncement`. */
export interface ReferenceFailure {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly failedAt: number;
  readonly attempt: number;
  readonly connections: ReferenceAnnouncement['connections'];
  readonly datasets: readonly ReferenceDataset[];
  readonly failed: number;
  readonly ended: number;
  readonly source: ReferenceAnnouncement['source'];
  readonly linkedAt: number | null;
}

export interface ReferenceDataset {
  readonly datasetId: string;
  readonly dataType: string;
  readonly connectionId: string;
  readonly status: string;
  readonly decidedAtOffset: number;
}

/** The state of a pending company after a record. Lists are sorted. */
export interface Standing {
  readonly links: number;
  readonly unsealedLinks: readonly string[];
  /** Datasets named by manifests. */
  readonly named: number;
  /** Ids of the named datasets that are not terminal. */
  readonly waitingFor: readonly string[];
  readonly succeeded: number;
  /** Datasets with a status that no manifest has named. */
  readonly early: number;
  /** The number of early datasets dropped since the company began, because there were too many. */
  readonly forgotten: number;
  /** `<partition>/<offset>` of each bad record not repaired. */
  readonly heldBy: readonly string[];
}

export interface Verdict {
  readonly outcome: 'pending' | 'announced' | 'announced-elsewhere' | 'deleted';
  readonly announcement: ReferenceAnnouncement | null;
  /** One for each time that the first sync of the company was over and nothing had succeeded, in order. */
  readonly failures: readonly ReferenceFailure[];
  /** Offsets of the records that are bad because they name too many datasets. */
  readonly tooManyDatasets: readonly number[];
  /** Offsets of the records that are bad because the record, or the company after it, would be too large. */
  readonly tooLarge: readonly number[];
  /** Holds open at the end, sorted. Empty for a company that was announced, here or elsewhere, or deleted. */
  readonly openHolds: readonly string[];
  /**
   * The company after each record: `standings[i]` is the state after `records[i]`. Null from the company's outcome on.
   */
  readonly standings: readonly (Standing | null)[];
}

type Payload<T extends ReferencePayload['type']> = Extract<ReferencePayload, { type: T }>;
type Manifest = EventRecord & { readonly payload: Payload<'LinkSyncQueued'> };
type Status = EventRecord & { readonly payload: Payload<'DatasetStatusChanged'> };
type Unlinking = EventRecord & { readonly payload: Payload<'ConnectionUnlinked'> };

/** The records that count, in order. */
interface Past {
  readonly manifests: Manifest[];
  readonly unlinkings: Unlinking[];
  /** The applied statuses of the datasets that are remembered. */
  statuses: Status[];
  readonly holds: Set<string>;
  forgotten: number;
  /** Whether the release that judges now knows the status words that were added later. */
  knowsLaterWords: boolean;
}

const EARLIEST_DATE = Date.parse('2015-01-01T00:00:00Z');
const MAX_NAMED_DATASETS = 10_000;
const MAX_LINKS = 10_000;
const MAX_CONNECTIONS = 10_000;
const MAX_ANNOUNCEMENT_BYTES = 6 * 1024 * 1024;
const MAX_EARLY_DATASETS = 1_000;
const DATASETS_FORGOTTEN_AT_ONCE = 500;

/**
 * The verdict on one company.
 *
 * @param records all records with the company's key, in the order of their offsets, without records of aborted
 *   transactions
 */
export function judgeCompany(records: readonly HistoryRecord[], context: HistoryContext): Verdict {
  const past: Past = {
    manifests: [],
    unlinkings: [],
    statuses: [],
    holds: new Set(),
    forgotten: 0,
    knowsLaterWords: true,
  };
  const tooManyDatasets: number[] = [];
  const tooLarge: number[] = [];
  const standings: (Standing | null)[] = [];
  let outcome: Verdict['outcome'] = 'pending';
  let announcement: ReferenceAnnouncement | null = null;
  const failures: ReferenceFailure[] = [];

  let previousOffset = -1;
  for (const record of records) {
    if (record.offset <= previousOffset) throw new RangeError(`offset ${record.offset} follows ${previousOffset}`);
    previousOffset = record.offset;

    const knewBefore = past.knowsLaterWords;
    past.knowsLaterWords = context.knewLaterWordsAt?.(record.offset) ?? true;
    const elsewhere = record.kind === 'event' && record.payload.type === 'AnnouncedElsewhere';
    if (outcome === 'pending' && past.knowsLaterWords && !knewBefore && !elsewhere) {
      // The company is counted again, and judged, before this record counts.
      if (isComplete(past, 'ALL_DATASETS')) {
        outcome = 'announced';
        const completing = { ...latestOfLaterWords(past), clientId: clientOfInfo(past) };
        announcement = announcementOf(past, completing, policyInForce(completing, context), context);
      }
    }

    if (outcome === 'pending') {
      const wasOver = isOverWithoutSuccess(past);
      const effect = take(past, record, context.partition);
      if (effect === 'too-many-datasets') tooManyDatasets.push(record.offset);
      if (effect === 'too-large') tooLarge.push(record.offset);
      if (effect === 'deleted' || effect === 'announced-elsewhere') outcome = effect;
      if (effect === 'judged' && record.kind === 'event') {
        const trigger = policyInForce(record, context);
        if (isComplete(past, trigger)) {
          outcome = 'announced';
          announcement = announcementOf(past, record, trigger, context);
        } else if (
          trigger === 'ALL_DATASETS' &&
          !wasOver &&
          isOverWithoutSuccess(past) &&
          reportsFailures(record, context)
        ) {
          failures.push(failureOf(past, record, failures.length + 1, context));
        }
      }
    }
    standings.push(outcome === 'pending' ? standingOf(past) : null);
  }

  const openHolds = outcome === 'pending' ? [...past.holds].sort() : [];
  return { outcome, announcement, failures, tooManyDatasets, tooLarge, openHolds, standings };
}

/** Applies a record to a pending company: adds it to the records that count, or ignores it. */
type Effect = 'judged' | 'not-judged' | 'announced-elsewhere' | 'deleted' | LimitCode;

function take(past: Past, record: HistoryRecord, partition: number): Effect {
  const ownHold = `${partition}/${record.offset}`;
  if (record.kind === 'bad-record') {
    past.holds.add(ownHold); // [13]
    return record.code === 'too-many-datasets' || record.code === 'too-large' ? record.code : 'not-judged';
  }
  const { payload } = record;

  switch (payload.type) {
    case 'CompanyDeleted':
      return 'deleted';

    case 'AnnouncedElsewhere':
      return 'announced-elsewhere';

    case 'LinkSyncQueued': {
      const named = namedDatasets(past);
      for (const dataset of payload.datasets) named.add(dataset.datasetId);
      if (named.size > MAX_NAMED_DATASETS) {
        past.holds.add(ownHold);
        return 'too-many-datasets';
      }
      const withIt: Past = { ...past, manifests: [...past.manifests, { ...record, payload }] };
      const tooManyOf = (most: number, count: (of: Past) => number) => count(withIt) > Math.max(most, count(past));
      if (
        tooManyOf(MAX_LINKS, (of) => linksOf(of).size) ||
        tooManyOf(MAX_CONNECTIONS, (of) => connectionsOf(of).length) ||
        tooManyOf(MAX_ANNOUNCEMENT_BYTES, announcementBytes)
      ) {
        past.holds.add(ownHold);
        return 'too-large';
      }
      lift(past, record);
      past.manifests.push({ ...record, payload });
      return 'judged';
    }

    case 'ConnectionUnlinked':
      lift(past, record);
      past.unlinkings.push({ ...record, payload });
      return 'judged';

    case 'DatasetStatusChanged': {
      const status: Status = { ...record, payload };
      const counts = payload.trigger !== 'REFRESH' && !isStale(past, status);
      if (counts && bytesOf(payload.status) > LONGEST_KNOWN_STATUS) {
        const after = announcementBytes({ ...past, statuses: [...past.statuses, status] });
        if (after > Math.max(MAX_ANNOUNCEMENT_BYTES, announcementBytes(past))) {
          past.holds.add(ownHold);
          return 'too-large';
        }
      }
      const lifted = lift(past, record); // [14]
      if (!counts) return lifted ? 'judged' : 'not-judged'; // [7]
      makeRoomFor(past, payload.datasetId);
      past.statuses.push(status);
      return 'judged';
    }

    default:
      return withoutRule(payload);
  }
}

/** Payloads also come from real topics. A payload without a rule here must not be ignored silently. */
function withoutRule(payload: never): never {
  throw new Error(`the reference model has no rule for ${JSON.stringify(payload)}`);
}

const LONGEST_KNOWN_STATUS = 'PrerequisiteNotMet'.length;
/** The companyId four times; clientId, companyName and a trace; 1,024 bytes each. And 1,024 bytes for the rest. */
const FIXED_BYTES = 8 * 1_024;

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * The most bytes that the announcement could take: each text plus two bytes for its length, eight for an offset, 12 for
 * a link.
 */
function announcementBytes(past: Past): number {
  const text = (of: string) => bytesOf(of) + 2;
  const latestStatus = new Map(past.statuses.map((status) => [status.payload.datasetId, status.payload.status]));
  let bytes = FIXED_BYTES;
  for (const linkId of linksOf(past).keys()) bytes += text(linkId) + 12;
  for (const { connectionId, sourceType } of connectionsOf(past)) bytes += text(connectionId) + text(sourceType);
  for (const { datasetId, dataType, connectionId } of datasetsOf(past)) {
    const status = bytesOf(latestStatus.get(datasetId) ?? 'Queued');
    bytes += text(datasetId) + text(dataType) + text(connectionId) + Math.max(status, LONGEST_KNOWN_STATUS) + 2 + 8;
  }
  return bytes;
}

/** Lifts the holds that the record repairs. Returns whether it has lifted any. */
function lift(past: Past, record: EventRecord): boolean {
  let lifted = false;
  for (const hold of record.repairs) if (past.holds.delete(hold)) lifted = true;
  return lifted;
}

function isStale(past: Past, status: Status): boolean {
  const { datasetId, revision } = status.payload;
  if (revision === null) return false;
  return past.statuses.some(
    (earlier) =>
      earlier.payload.datasetId === datasetId &&
      earlier.payload.revision !== null &&
      BigInt(earlier.payload.revision) >= BigInt(revision),
  );
}

/** If one more early dataset would exceed 1,000, forgets the 500 whose latest status has the lowest offset. */
function makeRoomFor(past: Past, datasetId: string): void {
  const heardOfAt = earlyDatasets(past);
  if (namedDatasets(past).has(datasetId) || heardOfAt.has(datasetId) || heardOfAt.size < MAX_EARLY_DATASETS) return;
  const longestAgo = [...heardOfAt].sort(([, a], [, b]) => a - b).slice(0, DATASETS_FORGOTTEN_AT_ONCE);
  const forgotten = new Set(longestAgo.map(([id]) => id));
  past.statuses = past.statuses.filter((status) => !forgotten.has(status.payload.datasetId));
  past.forgotten += forgotten.size;
}

function namedDatasets(past: Past): Set<string> {
  return new Set(past.manifests.flatMap((manifest) => manifest.payload.datasets.map((dataset) => dataset.datasetId)));
}

/** Datasets with a status that no manifest has named, and the offset of the latest status of each. */
function earlyDatasets(past: Past): Map<string, number> {
  const named = namedDatasets(past);
  const early = past.statuses.filter((status) => !named.has(status.payload.datasetId));
  return new Map(early.map((status) => [status.payload.datasetId, status.offset]));
}

interface ReferenceLink {
  readonly linkId: string;
  readonly sealed: boolean;
  /** Offset of the first unlinking of its connection after its first manifest. */
  readonly endedAt: number | undefined;
}

function linksOf(past: Past): Map<string, ReferenceLink> {
  const links = new Map<string, ReferenceLink>();
  for (const linkId of new Set(past.manifests.map((manifest) => manifest.payload.linkId))) {
    const parts = past.manifests.filter((manifest) => manifest.payload.linkId === linkId);
    const first = parts[0] as Manifest;
    const end = past.unlinkings.find(
      // [2, 5] the link's connection is that of its first manifest
      (unlinking) => unlinking.payload.connectionId === first.payload.connectionId && unlinking.offset > first.offset,
    );
    links.set(linkId, { linkId, sealed: parts.some((part) => part.payload.isFinal), endedAt: end?.offset });
  }
  return links;
}

function unsealedLinks(past: Past): string[] {
  const open = [...linksOf(past).values()].filter((link) => !link.sealed && link.endedAt === undefined);
  return open.map((link) => link.linkId).sort();
}

/** The datasets named by manifests, as they count now. */
function datasetsOf(past: Past): ReferenceDataset[] {
  const links = linksOf(past);
  const latestStatus = new Map(past.statuses.map((status) => [status.payload.datasetId, status]));
  const firstNaming = new Map<string, Manifest>();
  const latestNaming = new Map<string, { dataType: string; manifest: Manifest }>();
  for (const manifest of past.manifests)
    for (const { datasetId, dataType } of manifest.payload.datasets) {
      if (!firstNaming.has(datasetId)) firstNaming.set(datasetId, manifest);
      latestNaming.set(datasetId, { dataType, manifest }); // [4]
    }

  const datasets: ReferenceDataset[] = [];
  for (const [datasetId, { dataType, manifest }] of latestNaming) {
    const { connectionId, linkId } = manifest.payload;
    const own = latestStatus.get(datasetId);
    const status = own?.payload.status ?? 'Queued';
    const decidedAtOffset = own?.offset ?? (firstNaming.get(datasetId) as Manifest).offset; // [5, 8]
    const endedAt = links.get(linkId)?.endedAt;
    if (endedAt !== undefined && !isTerminal(status, past))
      datasets.push({ datasetId, dataType, connectionId, status: 'Cancelled', decidedAtOffset: endedAt }); // [3]
    else datasets.push({ datasetId, dataType, connectionId, status, decidedAtOffset });
  }
  return datasets.sort((a, b) => compare(a.datasetId, b.datasetId));
}

function connectionsOf(past: Past): { connectionId: string; sourceType: string }[] {
  const latest = new Map(past.manifests.map(({ payload }) => [payload.connectionId, payload.sourceType]));
  const connections = [...latest].map(([connectionId, sourceType]) => ({ connectionId, sourceType }));
  return connections.sort((a, b) => compare(a.connectionId, b.connectionId));
}

function standingOf(past: Past): Standing {
  const datasets = datasetsOf(past);
  return {
    links: linksOf(past).size,
    unsealedLinks: unsealedLinks(past),
    named: datasets.length,
    waitingFor: datasets.filter((dataset) => !isTerminal(dataset.status, past)).map((dataset) => dataset.datasetId),
    succeeded: datasets.filter((dataset) => SUCCESS.includes(dataset.status)).length,
    early: earlyDatasets(past).size,
    forgotten: past.forgotten,
    heldBy: [...past.holds].sort(),
  };
}

function policyInForce(record: EventRecord, context: HistoryContext): TriggerPolicy {
  if (record.timestamp < EARLIEST_DATE) return 'ALL_DATASETS'; // the timestamp is not a date: missing, or in seconds
  if (record.timestamp >= context.allDatasetsFrom) return 'ALL_DATASETS';
  return record.clientSetting ?? 'FIRST_DATASET';
}

function isComplete(past: Past, trigger: TriggerPolicy): boolean {
  const datasets = datasetsOf(past);
  const oneIsComplete = datasets.some((dataset) => SUCCESS.includes(dataset.status));
  const nothingHoldsIt = past.holds.size === 0;
  if (trigger === 'FIRST_DATASET') return nothingHoldsIt && oneIsComplete;
  return (
    nothingHoldsIt &&
    past.manifests.length > 0 &&
    unsealedLinks(past).length === 0 &&
    datasets.every((dataset) => isTerminal(dataset.status, past)) &&
    oneIsComplete
  );
}

/** "No hold, at least one link, every link sealed or ended, at least one dataset named, every dataset terminal, none Complete" */
function isOverWithoutSuccess(past: Past): boolean {
  const datasets = datasetsOf(past);
  return (
    past.holds.size === 0 &&
    linksOf(past).size > 0 &&
    unsealedLinks(past).length === 0 &&
    datasets.length > 0 &&
    datasets.every(({ status }) => isTerminal(status, past) && !SUCCESS.includes(status))
  );
}

function reportsFailures({ offset }: RecordPlace, { reportedFailuresAt }: HistoryContext): boolean {
  return reportedFailuresAt?.(offset) ?? true;
}

/** The timestamp of the first manifest, if a release that stores it has read that manifest. */
function linkedAtOf({ manifests: [first] }: Past, context: HistoryContext): number | null {
  return first !== undefined && reportsFailures(first, context) ? first.timestamp : null;
}

function failureOf(past: Past, record: EventRecord, attempt: number, context: HistoryContext): ReferenceFailure {
  const { companyId, topic, partition, eventNamespace } = context;
  const datasets = datasetsOf(past);
  return {
    eventId: failureIdOf(companyId, attempt, eventNamespace),
    companyId,
    clientId: record.clientId,
    companyName: (past.manifests.at(-1) as Manifest).payload.companyName,
    failedAt: record.timestamp,
    attempt,
    connections: connectionsOf(past),
    datasets,
    failed: datasets.filter(({ status }) => FAILURE.includes(status)).length,
    ended: datasets.filter(({ status }) => ENDED.includes(status)).length,
    source: { topic, partition, offset: record.offset },
    linkedAt: linkedAtOf(past, context),
  };
}

function announcementOf(
  past: Past,
  record: EventRecord,
  trigger: TriggerPolicy,
  context: HistoryContext,
): ReferenceAnnouncement {
  const { companyId, topic, partition, eventNamespace } = context;
  const datasets = datasetsOf(past);
  const ended = datasets.filter((dataset) => isTerminal(dataset.status, past));
  const countOf = (words: readonly string[]) => ended.filter((dataset) => words.includes(dataset.status)).length;
  return {
    eventId: eventIdOf(companyId, eventNamespace),
    companyId,
    clientId: record.clientId, // [5] the client of the latest record, which completes the company
    companyName: (past.manifests.at(-1) as Manifest).payload.companyName,
    synchronizedAt: record.timestamp,
    trigger,
    connections: connectionsOf(past),
    datasets,
    succeeded: countOf(SUCCESS),
    failed: countOf(FAILURE),
    ended: countOf(ENDED),
    source: { topic, partition, offset: record.offset },
    linkedAt: linkedAtOf(past, context),
  };
}

const SUCCESS = ['Complete'];
const FAILURE = (
  'FetchError MapError InternalError ProcessingError ValidationError AuthError RateLimitError PermissionsError ' +
  'PrerequisiteNotMet RoutingError'
).split(' ');
const ENDED = ['Cancelled', 'NotSupported'];
/** Status words that earlier releases did not know, and treated as in progress. */
const LATER_TERMINAL = ['RoutingError'];

function isTerminal(status: string, { knowsLaterWords }: Past): boolean {
  if (!knowsLaterWords && LATER_TERMINAL.includes(status)) return false;
  return SUCCESS.includes(status) || FAILURE.includes(status) || ENDED.includes(status);
}

/**
 * The last of the records that finished a dataset by a later word. The unlinking finished the datasets of an ended link
 * before, also one that has such a word.
 */
function latestOfLaterWords(past: Past): Status {
  const links = linksOf(past);
  const latestLink = new Map(
    past.manifests.flatMap(({ payload: { linkId, datasets } }) =>
      datasets.map(({ datasetId }) => [datasetId, links.get(linkId)] as const),
    ),
  );
  const finished = datasetsOf(past).filter(
    ({ status, datasetId }) => LATER_TERMINAL.includes(status) && latestLink.get(datasetId)?.endedAt === undefined,
  );
  const offsets = new Set(finished.map((dataset) => dataset.decidedAtOffset));
  return past.statuses.findLast((status) => offsets.has(status.offset)) as Status;
}

/** The client of the latest manifest, or of a later unlinking that ended a link. */
function clientOfInfo(past: Past): string {
  const ends = new Set([...linksOf(past).values()].map((link) => link.endedAt));
  const ending = past.unlinkings.filter((unlinking) => ends.has(unlinking.offset));
  const latest = [...past.manifests, ...ending].sort((a, b) => a.offset - b.offset).at(-1);
  return (latest as Manifest | Unlinking).clientId;
}

/** The URL namespace of UUIDv5 (RFC 9562, appendix A). */
const URL_NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

export function eventIdOf(companyId: string, eventNamespace: string): string {
  return uuidV5(companyId, uuidV5(`company-sync:${eventNamespace}`, URL_NAMESPACE));
}

export function failureIdOf(companyId: string, attempt: number, eventNamespace: string): string {
  return uuidV5(`${companyId}/failed/${attempt}`, uuidV5(`company-sync:${eventNamespace}`, URL_NAMESPACE));
}

/** RFC 9562, section 5.5. */
function uuidV5(name: string, namespace: string): string {
  const namespaceBytes = Buffer.from(namespace.replaceAll('-', ''), 'hex');
  const bytes = createHash('sha1').update(namespaceBytes).update(name, 'utf8').digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
