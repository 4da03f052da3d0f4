/** The input's records by company, and their description as evidence. */
import type { ReferencePayload } from '../reference-model.js';
import type { AvroValues } from './avro-values.js';
import { readEvent, type ReadEvent } from './read-events.js';
import { placeOf, type TopicContents } from './topic-record.js';

export interface CompanyRecords {
  readonly companyId: string;
  readonly partition: number;
  /** All records with the company's key, in the order of their offsets. */
  readonly records: readonly ReadEvent[];
}

export interface ReadInput {
  readonly companies: ReadonlyMap<string, CompanyRecords>;
  /** Every record of the input by its `<partition>/<offset>`. */
  readonly byPlace: ReadonlyMap<string, ReadEvent>;
}

/** @throws Error if a company's records are in several partitions: then the company cannot be judged */
export function readInput(events: TopicContents, values: AvroValues): ReadInput {
  const companies = new Map<string, { companyId: string; partition: number; records: ReadEvent[] }>();
  const byPlace = new Map<string, ReadEvent>();
  for (const record of events.records) {
    const event = readEvent(record, values);
    byPlace.set(placeOf(record), event);
    const { companyId } = event;
    if (companyId === null) continue;
    let company = companies.get(companyId);
    if (company === undefined) {
      company = { companyId, partition: record.partition, records: [] };
      companies.set(companyId, company);
    }
    if (company.partition !== record.partition)
      throw new Error(
        `company ${companyId} is in partitions ${company.partition} and ${record.partition} of the input`,
      );
    company.records.push(event);
  }
  return { companies, byPlace };
}

/** The most lines of evidence. Of a longer history, the last lines are kept, because they decided the company. */
const MAX_LINES = 40;

export function tellHistory(records: readonly ReadEvent[]): string[] {
  const lines = records.slice(-MAX_LINES).map(tell);
  const left = records.length - lines.length;
  return left > 0 ? [`(${left} earlier records)`, ...lines] : lines;
}

function tell(event: ReadEvent): string {
  const at = `${placeOf(event.record)} ${new Date(event.record.timestamp).toISOString()}`;
  if (event.kind === 'bad-record') return `${at} bad record: ${event.code}`;
  const repairs = event.repairs.length === 0 ? '' : `, repairs ${event.repairs.join(' ')}`;
  return `${at} ${tellPayload(event.payload)}${repairs}`;
}

function tellPayload(payload: ReferencePayload): string {
  if (payload.type === 'LinkSyncQueued') {
    const { linkId, connectionId, datasets, isFinal } = payload;
    const ids = datasets.slice(0, MAX_LINES).map(({ datasetId }) => datasetId);
    const more = datasets.length > ids.length ? `, and ${datasets.length - ids.length} more` : '';
    const kind = isFinal ? 'final manifest' : 'manifest, not final,';
    return `${kind} of link ${linkId}, connection ${connectionId}: ${ids.join(', ') || 'no datasets'}${more}`;
  }
  if (payload.type === 'DatasetStatusChanged') {
    const { datasetId, status, trigger, revision } = payload;
    return `dataset ${datasetId} ${status}, trigger ${trigger}, revision ${revision ?? 'none'}`;
  }
  const { type, ...fields } = payload;
  return [type, ...Object.entries(fields).map(([field, value]) => `${field} ${String(value)}`)].join(' ');
}
