/** The content of a `CompanySynchronized`, as it came and as the input requires it. */
import { createHash } from 'node:crypto';
import type { CompanyJudge } from './company-judge.js';
import type { CompanyParts, Dataset } from './company-state.js';
import type { Policy } from './input-event.js';
import { standingOf } from './statuses.js';

export interface AnnouncedConnection {
  readonly connectionId: string;
  readonly sourceType: string;
}

export interface AnnouncedDataset {
  readonly datasetId: string;
  readonly dataType: string;
  readonly connectionId: string;
  readonly status: string;
  readonly decidedAtOffset: number;
}

/** The lists are sorted by id, because they have no order. */
export interface Announcement {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
  readonly companyName: string;
  readonly synchronizedAt: number;
  readonly trigger: string;
  readonly connections: readonly AnnouncedConnection[];
  readonly datasets: readonly AnnouncedDataset[];
  readonly succeeded: number;
  readonly failed: number;
  readonly ended: number;
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number };
  /** Null if an older release has read the first manifest, or has written the announcement. */
  readonly linkedAt: number | null;
}

/** What the judge does not know of an announcement. */
export interface CompletedBy {
  readonly companyId: string;
  readonly eventNamespace: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly clientId: string;
  readonly policy: Policy;
}

/** Longs beyond this are not exact in JavaScript. A producer can stamp its record with any long. */
const MAX_LONG = Number.MAX_SAFE_INTEGER - 1;

/** The announcement that the rules require of a company as it stands. */
export function announcementOf(judge: CompanyJudge, by: CompletedBy): Announcement {
  const datasets = datasetsOf(judge);
  const counts = countsOf(datasets);
  const { companyId, clientId, topic, partition, offset } = by;
  const connections = [...judge.connections].map(([connectionId, sourceType]) => ({ connectionId, sourceType }));
  return {
    eventId: eventIdOf(companyId, by.eventNamespace),
    companyId,
    clientId,
    companyName: judge.companyName,
    synchronizedAt: written(by.timestamp),
    trigger: by.policy,
    connections: byConnection(connections),
    datasets,
    ...counts,
    source: { topic, partition, offset },
    linkedAt: judge.linkedAt === null ? null : written(judge.linkedAt),
  };
}

function written(timestamp: number): number {
  return Math.min(Math.max(timestamp, -MAX_LONG), MAX_LONG);
}

/** The named datasets as they count now, sorted. */
export function datasetsOf({ datasets }: Pick<CompanyParts, 'datasets'>): AnnouncedDataset[] {
  const named: AnnouncedDataset[] = [];
  for (const [datasetId, dataset] of datasets)
    if (dataset.named !== null) named.push(announcedDataset(datasetId, dataset, dataset.named));
  return byDataset(named);
}

function announcedDataset(
  datasetId: string,
  { status, statusAt, firstNamedAt }: Dataset,
  { dataType, connectionId, link }: NonNullable<Dataset['named']>,
): AnnouncedDataset {
  const own = status ?? 'Queued';
  if (link.endedAt !== null && standingOf(own) === 'in progress')
    return { datasetId, dataType, connectionId, status: 'Cancelled', decidedAtOffset: link.endedAt }; // [3]
  const decidedAtOffset = status === null ? firstNamedAt : statusAt; // [5, 8]
  return { datasetId, dataType, connectionId, status: own, decidedAtOffset };
}

export function countsOf(datasets: readonly AnnouncedDataset[]): { succeeded: number; failed: number; ended: number } {
  const counts = { succeeded: 0, failed: 0, ended: 0 };
  for (const { status } of datasets) {
    const standing = standingOf(status);
    if (standing !== 'in progress') counts[standing]++;
  }
  return counts;
}

export function byDataset<T extends { readonly datasetId: string }>(datasets: T[]): T[] {
  return datasets.sort((a, b) => compare(a.datasetId, b.datasetId));
}

export function byConnection<T extends { readonly connectionId: string }>(connections: T[]): T[] {
  return connections.sort((a, b) => compare(a.connectionId, b.connectionId));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The URL namespace of UUIDv5 (RFC 9562, appendix A). */
const URL_NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';
const namespaces = new Map<string, string>();

export function eventIdOf(companyId: string, eventNamespace: string): string {
  let namespace = namespaces.get(eventNamespace);
  if (namespace === undefined) {
    namespace = uuidV5(`company-sync:${eventNamespace}`, URL_NAMESPACE);
    namespaces.set(eventNamespace, namespace);
  }
  return uuidV5(companyId, namespace);
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
