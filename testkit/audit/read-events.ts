/**
 * The audit's own reader of `sync-events`. It returns an event, or a bad record with the reason. It shares no code with
 * `src`. Numbers in brackets are the points of the contract's fine print.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { BadRecord, LimitCode, ReferencePayload } from '../reference-model.js';
import type { AvroValues } from './avro-values.js';
import { headerTexts, type TopicRecord } from './topic-record.js';

export interface ReadableEvent {
  readonly kind: 'event';
  readonly record: TopicRecord;
  readonly companyId: string;
  readonly clientId: string;
  readonly repairs: readonly string[];
  readonly payload: ReferencePayload;
}

export interface BadInputRecord {
  readonly kind: 'bad-record';
  readonly record: TopicRecord;
  readonly code: BadRecord['code'] | 'missing-key';
  /** The company that the key names, which is put on hold; null if the key names no company. [12] */
  readonly companyId: string | null;
}

export type ReadEvent = ReadableEvent | BadInputRecord;

export function readEvent(record: TopicRecord, values: AvroValues): ReadEvent {
  const { key } = record;
  if (key === null || key.length === 0) return { kind: 'bad-record', record, code: 'missing-key', companyId: null };
  const keyText = isUtf8(key) ? key.toString() : null;
  // No company can have such an id, so no company is put on hold.
  const held = key.length > MAX_TEXT_BYTES ? null : keyText;

  const read = values.read(record.value);
  if (read.kind !== 'value') return { kind: 'bad-record', record, code: read.kind, companyId: held };
  const event = read.value as AvroEvent;
  if (keyText !== event.companyId) return { kind: 'bad-record', record, code: 'key-mismatch', companyId: held };
  const repairs = headerTexts(record.headers, 'repairs').filter((text) => text !== null);
  const payload = payloadOf(event.payload);
  const code = limitExceeded(event, payload) ?? (repairs.length > MAX_REPAIRS ? 'too-large' : null);
  if (code !== null) return { kind: 'bad-record', record, code, companyId: held };

  const { companyId, clientId } = event;
  return { kind: 'event', record, companyId, clientId, repairs, payload };
}

const MAX_TEXT_BYTES = 1_024;
const MAX_DATASETS = 10_000;
const MAX_REPAIRS = 10_000;
/** Fields that are not stored, so they may have any length. */
const NOT_LIMITED = ['eventId', 'errorMessage', 'by'];

/** The limit that the event alone exceeds. */
function limitExceeded(event: AvroEvent, payload: ReferencePayload): LimitCode | null {
  const datasets = payload.type === 'LinkSyncQueued' ? payload.datasets : [];
  if (new Set(datasets.map(({ datasetId }) => shortKey(datasetId))).size > MAX_DATASETS) return 'too-many-datasets';
  return longestText(event) > MAX_TEXT_BYTES ? 'too-large' : null;
}

/** The text, or the digest of a long one: a Set compares long texts of equal length one by one. */
function shortKey(text: string): string {
  return text.length <= MAX_TEXT_BYTES ? text : createHash('sha256').update(text).digest('hex');
}

function longestText(value: unknown, field = ''): number {
  if (NOT_LIMITED.includes(field)) return 0;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 0;
  let most = 0;
  for (const [name, inner] of Object.entries(value)) most = Math.max(most, longestText(inner, name));
  return most;
}

/** A `SyncEvent` as avsc returns it: a branch of a union of records is wrapped in an object with its full name. */
interface AvroEvent {
  readonly companyId: string;
  readonly clientId: string;
  readonly payload: Readonly<Record<string, object>>;
}

/** The payload, with the name of its record as type. The reference model throws if it has no rule for that name. */
function payloadOf(branches: AvroEvent['payload']): ReferencePayload {
  const [[name, fields] = ['', {}]] = Object.entries(branches);
  const payload: Record<string, unknown> = { type: name.replace('companysync.', '') };
  for (const [field, value] of Object.entries(fields)) payload[field] = withoutBranch(value);
  return payload as unknown as ReferencePayload;
}

/** Longs and texts of a union with null are wrapped in an object with their type. */
function withoutBranch(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('long' in value) return value.long;
  return 'string' in value ? value.string : value;
}
