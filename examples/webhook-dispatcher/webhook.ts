/** One webhook: its body, in the shape that the receiver expects, and its signed headers. Pure. */
import { createHmac } from 'node:crypto';
import { validate as isUuid } from 'uuid';

/**
 * The fields of a `CompanySynchronized` or a `CompanySyncFailed` that are needed here; the folder schemas has all of them.
 */
export interface CompanyEvent {
  readonly eventId: string;
  readonly companyId: string;
  readonly clientId: string;
}

/**
 * The decoded value as an event of a company. Anyone who may write to the topic chooses the schema and the values, and the
 * event id becomes a header that receivers know webhooks by.
 *
 * @throws Error if the value is not an event of that type
 */
export function companyEventOf(value: unknown): CompanyEvent {
  const { eventId, companyId } = (value ?? {}) as Partial<Record<keyof CompanyEvent, unknown>>;
  if (typeof companyId !== 'string') throw new Error('the record is not an event of a company');
  if (!isUuid(eventId)) throw new Error(`the event id ${String(JSON.stringify(eventId)).slice(0, 100)} is not a UUID`);
  return value as CompanyEvent;
}

export interface WebhookOptions {
  readonly payload: PayloadName;
  /** A webhook is signed with each key. */
  readonly keys: readonly Buffer[];
}

export const EVENT_TYPES = { synchronized: 'company.synchronized.v1', failed: 'company.sync.failed.v1' } as const;
export type EventType = (typeof EVENT_TYPES)[keyof typeof EVENT_TYPES];

/** Headers of the event's record; empty texts where it has none. */
export interface RecordHeaders {
  readonly ceTime: string;
  readonly traceparent: string;
}

/**
 * @param type decided by the topic that the event was read from
 * @param sentAt milliseconds since the epoch
 */
export function webhookOf(
  event: CompanyEvent,
  type: EventType,
  { ceTime, traceparent }: RecordHeaders,
  { payload, keys }: WebhookOptions,
  sentAt: number,
) {
  const body = JSON.stringify(PAYLOADS[payload](event, ceTime, type));
  return { body, headers: { ...signedHeaders(event.eventId, sentAt, body, keys), ...traceHeaders(traceparent) } };
}

export const PAYLOADS = { current: currentPayload, legacy: legacyPayload } as const;
export type PayloadName = keyof typeof PAYLOADS;

/**
 * `type`, `timestamp` and `data`, as Standard Webhooks recommends.
 *
 * @param timestamp RFC 3339, the event's `ce_time`
 */
function currentPayload(event: CompanyEvent, timestamp: string, type: EventType): object {
  return { type, timestamp, data: event };
}

/** The former body, which receivers of the rule "New company synchronized" got before event types existed. */
function legacyPayload({ companyId, clientId, eventId }: CompanyEvent): object {
  return {
    CompanyId: companyId,
    ClientId: clientId,
    RuleType: 'New company synchronized',
    AlertId: eventId,
    Message: `Company ${companyId} synced for the first time`,
    Data: {},
  };
}

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;
const SECRET_BYTES = { min: 24, max: 64 };

/** The key of a secret; null if the text is not a secret. */
export function keyOf(secret: string): Buffer | null {
  const [, base64 = ''] = SECRET.exec(secret) ?? [];
  const key = Buffer.from(base64, 'base64');
  return key.length >= SECRET_BYTES.min && key.length <= SECRET_BYTES.max ? key : null;
}

/**
 * The headers of Standard Webhooks 1.0, with one signature for each key. So a secret can be replaced while receivers
 * still know only the former one. @param id the same for each attempt, so that a receiver recognises a repetition
 * @param sentAt milliseconds since the epoch
 */
export function signedHeaders(id: string, sentAt: number, body: string, keys: readonly Buffer[]) {
  const timestamp = String(Math.floor(sentAt / 1_000));
  const sign = (key: Buffer) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': keys.map(sign).join(' '),
  };
}

/** The bytes that an HTTP header can carry everywhere: printable ASCII. */
const HTTP_TEXT = /^[!-~]+$/;

/**
 * The header that continues a trace; none if HTTP cannot carry its text. A trace is never a reason to deliver nothing.
 */
export function traceHeaders(traceparent: string): { readonly traceparent?: string } {
  return HTTP_TEXT.test(traceparent) ? { traceparent } : {};
}
