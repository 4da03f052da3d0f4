/**
 * First-sync rows: one for each pending company with a manifest. A flags byte says which fields follow.
 *
 *     version flags failures [linkedAt]
 */
import type { FirstSyncRow } from '../domain/rows.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { beginRow, readRow } from './row-version.js';

const LINKED_AT = 0b1;

export function writeFirstSyncRow(to: ByteWriter, { linkedAt, failures }: FirstSyncRow): void {
  beginRow(to);
  to.byte(linkedAt === null ? 0 : LINKED_AT);
  to.varint(failures);
  if (linkedAt !== null) to.signedVarint(linkedAt);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeFirstSyncRow(bytes: Buffer): FirstSyncRow {
  const from = readRow(bytes, 'first-sync row');
  const flags = from.byte();
  if (flags > LINKED_AT) throw from.malformed(`flags ${flags}`);
  const failures = from.varint();
  const linkedAt = (flags & LINKED_AT) === 0 ? null : from.signedVarint();
  from.end();
  return { linkedAt, failures };
}
