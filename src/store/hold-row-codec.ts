/**
 * The value of a hold row. `row-keys.ts` has its key, and `state-changes.ts` writes both to changelog and store. `hold` in
 * `domain/transition.ts` creates the hold, and the company row counts it.
 *
 * `too-large` is written as `too-many-datasets` with one byte of padding in the timestamp. A release that does not know
 * the code reads the row as `too-many-datasets`, and keeps holding the company.
 */
import type { DeadLetterCode } from '../domain/events.js';
import type { HoldRow } from '../domain/rows.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { UnknownRowVersionError, beginRow, readRow } from './row-version.js';

/** Stored codes: never change one. */
const STORED_CODE = {
  'missing-key': 0,
  'bad-framing': 1,
  'unknown-schema': 2,
  undecodable: 3,
  'key-mismatch': 4,
  'too-many-datasets': 5,
} as const satisfies Record<Exclude<DeadLetterCode, 'too-large'>, number>;

const codeOfStored = new Map(
  Object.entries(STORED_CODE).map(([code, stored]) => [stored as number, code as DeadLetterCode]),
);

export function writeHoldRow(to: ByteWriter, row: HoldRow): void {
  beginRow(to);
  if (row.code === 'too-large') {
    to.byte(STORED_CODE['too-many-datasets']);
    to.paddedSignedVarint(row.timestamp, 1);
  } else {
    to.byte(STORED_CODE[row.code]);
    to.signedVarint(row.timestamp);
  }
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeHoldRow(bytes: Buffer): HoldRow {
  const from = readRow(bytes, 'hold row');
  const stored = from.byte();
  const code = codeOfStored.get(stored);
  if (code === undefined) throw new UnknownRowVersionError('hold code', stored);
  const { value: timestamp, padding } = from.paddedSignedVarint();
  from.end();
  return { code: code === 'too-many-datasets' && padding > 0 ? 'too-large' : code, timestamp };
}
