/**
 * The origin row: which input the state in the changelog comes from, and which settings built it. An owner's first
 * transaction writes it if it has changed. Earlier releases copy it without reading it.
 */
import type { ByteWriter } from '../lib/byte-writer.js';
import { beginRow, readRow } from './row-version.js';

/** Name -> value, such as `EVENT_NAMESPACE` -> `company-sync`. */
export type OriginRow = ReadonlyMap<string, string>;

const MAX_FACTS = 64;

export function writeOriginRow(to: ByteWriter, row: OriginRow): void {
  beginRow(to);
  to.varint(row.size);
  for (const [name, value] of row) {
    to.text(name);
    to.text(value);
  }
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeOriginRow(bytes: Buffer): OriginRow {
  const from = readRow(bytes, 'origin row');
  const count = from.varint();
  if (count > MAX_FACTS) throw from.malformed(`${count} facts`);
  const row = new Map<string, string>();
  for (let left = count; left > 0; left--) row.set(from.text(), from.text());
  from.end();
  return row;
}

export function isSameOrigin(one: OriginRow | null, other: OriginRow | null): boolean {
  if (one === other) return true;
  if (one === null || other === null || one.size !== other.size) return false;
  return [...one].every(([name, value]) => other.get(name) === value);
}
