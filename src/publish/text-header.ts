import type { Header } from '../lib/record.js';

/** A record header whose value is text, as UTF-8. */
export function textHeader(key: string, text: string): Header {
  return { key, value: Buffer.from(text) };
}
