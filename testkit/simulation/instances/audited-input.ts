/**
 * What the audit must read after records were lost. If instances have read several input logs, all records get offsets of
 * one log: those of the second topic begin at 1,000,000, and so on. The audit itself knows only one log.
 */
import { AvroValues } from '../../audit/avro-values.js';
import type { AuditInput } from '../../audit/audit-topics.js';
import { readEvent } from '../../audit/read-events.js';
import type { RecordHeaders, TopicRecord } from '../../audit/topic-record.js';
import { REGISTERED } from '../pipeline/check.js';
import { EVENT_TYPES, SCHEMAS } from '../pipeline/codecs.js';
import type { Losses, ReadPart } from './losses.js';
import { asRecord } from './check.js';
import { TOPICS } from './topics.js';
import type { World } from './world.js';

/** More than any log of a run has. */
const LOG_OFFSETS = 1_000_000;
const FRAME_BYTES = 5;

/** Which of two records is meant if records of both logs have the same offset and company. */
export type Preference = 'former log' | 'present log';

type Topics = Pick<AuditInput, 'events' | 'synchronized' | 'deadLetters'>;

/** @param sameHolds is given each company that has two holds of one name */
export function auditedTopics(
  world: World,
  losses: Losses,
  preference: Preference,
  sameHolds: Set<string>,
): Topics & { readonly before: Topics } {
  const partitions = Array.from({ length: world.partitions }, (_, partition) => partition);
  const each = partitions.map((partition) => new AuditedPartition(losses, partition, preference, sameHolds));
  const topic = (name: string, records: readonly TopicRecord[]) => ({
    topic: name,
    partitions: world.partitions,
    records,
  });
  const { syncEvents, companySynchronized, deadLetter } = TOPICS;
  return {
    events: topic(
      syncEvents,
      each.flatMap(({ events }) => events),
    ),
    synchronized: topic(
      companySynchronized,
      each.flatMap(({ announcements }) => announcements.audited),
    ),
    deadLetters: topic(
      deadLetter,
      each.flatMap(({ deadLetters }) => deadLetters.audited),
    ),
    before: {
      events: topic(
        syncEvents,
        each.flatMap(({ eventsBefore }) => eventsBefore),
      ),
      synchronized: topic(
        companySynchronized,
        each.flatMap(({ announcements }) => announcements.before),
      ),
      deadLetters: topic(
        deadLetter,
        each.flatMap(({ deadLetters }) => deadLetters.before),
      ),
    },
  };
}

class AuditedPartition {
  readonly #parts: readonly ReadPart[];
  /** Of each part: what its offsets are raised by. */
  readonly #bases: readonly number[];
  /** The records as they are in their logs, one list for each part. */
  readonly #records: readonly (readonly TopicRecord[])[];
  readonly #history: ReturnType<Losses['historyOf']>;

  constructor(
    private readonly losses: Losses,
    private readonly partition: number,
    private readonly preference: Preference,
    private readonly sameHolds: Set<string>,
  ) {
    this.#history = losses.historyOf(partition);
    this.#parts = this.#history.parts;
    const ids = [...new Set(this.#parts.map(({ topicId }) => topicId))];
    this.#bases = this.#parts.map(({ topicId }) => ids.indexOf(topicId) * LOG_OFFSETS);
    this.#records = this.#parts.map(({ topicId, from, to }) =>
      [...(this.#history.records.get(topicId) ?? new Map<number, never>()).values()]
        .filter(({ offset }) => offset >= from && offset < to)
        .sort((a, b) => a.offset - b.offset)
        .map((record) => asRecord(record, partition)),
    );
  }

  get events(): TopicRecord[] {
    return this.#records.flatMap((records, part) =>
      records.map((record) => ({
        ...record,
        offset: record.offset + this.#base(part),
        headers: this.#repairs(record, part),
      })),
    );
  }

  /** What was read before the first part. Some of it may be deleted now. */
  get eventsBefore(): TopicRecord[] {
    const known = this.#history.records.get(this.#parts[0]?.topicId ?? '') ?? new Map<number, never>();
    return [...known.values()].sort((a, b) => a.offset - b.offset).map((record) => asRecord(record, this.partition));
  }

  get announcements() {
    return this.#split(TOPICS.companySynchronized, 'synchronized', (record, part) => this.#announcement(record, part));
  }

  get deadLetters() {
    return this.#split(TOPICS.deadLetter, 'deadLetters', (record, part) => {
      const offset = Number(record.headers.get('dl_offset')?.at(-1)?.toString());
      const headers = this.#repairs(record, part);
      return { ...record, headers: replaced(headers, 'dl_offset', String(offset + this.#base(part))) };
    });
  }

  /** The records of a written topic, each as one of the part that it was written in. `before`: before the first part. */
  #split(
    topic: string,
    ends: 'synchronized' | 'deadLetters',
    adapt: (record: TopicRecord, part: number) => TopicRecord,
  ): { readonly audited: TopicRecord[]; readonly before: TopicRecord[] } {
    const all = this.losses.written(topic, this.partition).map((record) => asRecord(record, this.partition));
    const starts = this.#history.ends.map((written) => written[ends]);
    const partOf = ({ offset }: TopicRecord): number => starts.findLastIndex((start) => offset >= start);
    return {
      audited: all.filter((record) => partOf(record) >= 0).map((record) => adapt(record, partOf(record))),
      before: all.filter((record) => partOf(record) < 0),
    };
  }

  #base(part: number): number {
    return this.#bases[part] ?? 0;
  }

  /** A repair names its bad record by the offset of either log. */
  #repairs(record: TopicRecord, part: number): RecordHeaders {
    const named = record.headers.get('repairs');
    if (named === undefined || this.#base(part) === 0) return record.headers;
    const values = named.map((value) => {
      const offset = Number(value?.toString().split('/')[1]);
      return Buffer.from(`${this.partition}/${this.#logOfBad(offset, record, part) + offset}`);
    });
    return new Map(record.headers).set('repairs', values);
  }

  #logOfBad(offset: number, { key }: TopicRecord, part: number): number {
    const isBad = (record: TopicRecord): boolean =>
      record.offset === offset &&
      record.key !== null &&
      key?.equals(record.key) === true &&
      readEvent(record, EVENTS).kind === 'bad-record';
    const bases = this.#bases.filter((_, i) => i <= part && this.#records[i]!.some(isBad));
    if (new Set(bases).size > 1) this.sameHolds.add(String(key));
    return bases[0] ?? 0;
  }

  #announcement(record: TopicRecord, part: number): TopicRecord {
    if (record.value === null || this.#base(part) === 0) return record;
    const type = EVENT_TYPES.companySynchronized;
    const content = type.fromBuffer(record.value.subarray(FRAME_BYTES)) as Announcement;
    const source = { ...content.source, offset: content.source.offset + this.#base(part) };
    const datasets = content.datasets.map((dataset) => ({
      ...dataset,
      decidedAtOffset: dataset.decidedAtOffset + this.#logOf(dataset, content.companyId, part),
    }));
    const value = type.toBuffer({ ...content, source, datasets });
    return { ...record, value: Buffer.concat([record.value.subarray(0, FRAME_BYTES), value]) };
  }

  /** What the offset is raised by that decided a dataset. */
  #logOf(dataset: Dataset, companyId: string, part: number): number {
    const decides = (record: TopicRecord): boolean =>
      record.offset === dataset.decidedAtOffset && record.key?.toString() === companyId && gives(record, dataset);
    const bases = this.#bases.filter((_, i) => i <= part && this.#records[i]!.some(decides));
    return (this.preference === 'former log' ? bases[0] : bases.at(-1)) ?? this.#base(part);
  }
}

/** Whether a record can have given a dataset its status. */
function gives(record: TopicRecord, { datasetId, status }: Dataset): boolean {
  const event = readEvent(record, EVENTS);
  if (event.kind !== 'event') return false;
  const { payload } = event;
  if (payload.type === 'DatasetStatusChanged') return payload.datasetId === datasetId && payload.status === status;
  if (payload.type === 'LinkSyncQueued')
    return status === 'Queued' && payload.datasets.some((each) => each.datasetId === datasetId);
  return payload.type === 'ConnectionUnlinked' && status === 'Cancelled';
}

const EVENTS = new AvroValues(SCHEMAS.syncEvent, REGISTERED);

interface Dataset {
  readonly datasetId: string;
  readonly status: string;
  readonly decidedAtOffset: number;
}

interface Announcement {
  readonly companyId: string;
  readonly source: { readonly offset: number };
  readonly datasets: readonly Dataset[];
}

/** With another last value of a header. */
function replaced(headers: RecordHeaders, name: string, last: string): RecordHeaders {
  const values = headers.get(name) ?? [];
  return new Map(headers).set(name, [...values.slice(0, -1), Buffer.from(last)]);
}
