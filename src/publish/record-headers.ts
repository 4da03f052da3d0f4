/** Record headers: text, and W3C trace context (https://www.w3.org/TR/trace-context/#traceparent-header). */
import type { Header } from '../lib/record.js';

/** A record header whose value is text, as UTF-8. */
export function textHeader(key: string, text: string): Header {
  return { key, value: Buffer.from(text) };
}

export const TRACEPARENT = 'traceparent';

const IDS = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
/**
 * Version 00 ends with its flags; a later version may continue. Version ff is not allowed. Consumers pass it on as an HTTP
 * header, which cannot carry all bytes: only printable ASCII without spaces is accepted.
 */
const VALID = new RegExp(`^(?:00-${IDS}|(?!00|ff)[0-9a-f]{2}-${IDS}(?:-[!-~]*)?)$`);

/** Far more than version 00 takes. The header is copied to the announcement, whose size is limited. */
const MAX_TRACEPARENT_BYTES = 512;

/** The record's last `traceparent`, unchanged. Null if it is missing, invalid or too long. */
export function traceparentOf(headers: readonly Header[]): Header | null {
  const header = headers.findLast(({ key }) => key === TRACEPARENT);
  if (header === undefined || header.value === null || header.value.length > MAX_TRACEPARENT_BYTES) return null;
  return VALID.test(header.value.toString('latin1')) ? header : null;
}
