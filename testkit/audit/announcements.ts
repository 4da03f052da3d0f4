/** Reads the published announcements into the form of the reference model. */
import type { ReferenceAnnouncement, TriggerPolicy } from '../reference-model.js';
import type { AvroValues } from './avro-values.js';
import type { TopicContents, TopicRecord } from './topic-record.js';

export interface ArrivedAnnouncement {
  readonly record: TopicRecord;
  /** Lists are sorted by id, as in the reference model. */
  readonly content: ReferenceAnnouncement;
}

export interface ReadAnnouncements {
  /** In the order of the log. */
  readonly byCompany: ReadonlyMap<string, readonly ArrivedAnnouncement[]>;
  readonly unreadable: readonly { readonly record: TopicRecord; readonly why: string }[];
}

export function readAnnouncements(synchronized: TopicContents, values: AvroValues): ReadAnnouncements {
  const byCompany = new Map<string, ArrivedAnnouncement[]>();
  const unreadable: { record: TopicRecord; why: string }[] = [];
  for (const record of synchronized.records) {
    const read = values.read(record.value);
    if (read.kind !== 'value') {
      unreadable.push({ record, why: read.why });
      continue;
    }
    const content = contentOf(read.value as AvroAnnouncement);
    const arrived = byCompany.get(content.companyId);
    if (arrived === undefined) byCompany.set(content.companyId, [{ record, content }]);
    else arrived.push({ record, content });
  }
  return { byCompany, unreadable };
}

/** A `CompanySynchronized` as avsc returns it, with longs as bigint. */
export interface AvroAnnouncement {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: bigint;
  readonly trigger: TriggerPolicy;
  readonly connections: readonly { readonly connectionId: string; readonly sourceType: string }[];
  readonly datasets: readonly {
    readonly datasetId: string;
    readonly dataType: string;
    readonly connectionId: string;
    readonly status: string;
    readonly decidedAtOffset: bigint;
  }[];
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  readonly linkedAt: bigint | null;
}

function contentOf(value: AvroAnnouncement): ReferenceAnnouncement {
  const { eventId, companyId, clientId, companyName, trigger, succeeded, failed, ended, source } = value;
  return {
    ...listsOf(value),
    linkedAt: timeOf(value.linkedAt),
    eventId,
    companyId,
    clientId,
    companyName,
    synchronizedAt: Number(value.synchronizedAt),
    trigger,
    succeeded,
    failed,
    ended,
    source: placeIn(source),
  };
}

/** The lists of an announcement or a failure, sorted by id as in the reference model. */
export function listsOf(value: Pick<AvroAnnouncement, 'connections' | 'datasets'>) {
  const connections = value.connections.map(({ connectionId, sourceType }) => ({ connectionId, sourceType }));
  const datasets = value.datasets.map(({ datasetId, dataType, connectionId, status, decidedAtOffset }) => ({
    datasetId,
    dataType,
    connectionId,
    status,
    decidedAtOffset: Number(decidedAtOffset),
  }));
  return {
    connections: connections.sort((a, b) => compare(a.connectionId, b.connectionId)),
    datasets: datasets.sort((a, b) => compare(a.datasetId, b.datasetId)),
  };
}

export function placeIn({ topic, partition, offset }: AvroAnnouncement['source']): ReferenceAnnouncement['source'] {
  return { topic, partition, offset: Number(offset) };
}

export function timeOf(time: bigint | null): number | null {
  return time === null ? null : Number(time);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
