/** The first byte of every row. */
import { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { UnknownRowVersionError } from './unknown-row-version-error.js';

/** What this release writes, and the only version that it reads. A version is read for one release before it is written. */
export const ROW_VERSION = 1;

export function beginRow(to: ByteWriter): void {
  to.byte(ROW_VERSION);
}

/** @throws UnknownRowVersionError */
export function readRow(bytes: Buffer, what: string): ByteReader {
  const from = new ByteReader(bytes, what);
  const version = from.byte();
  if (version !== ROW_VERSION) throw new UnknownRowVersionError(`${what} version`, version);
  return from;
}
