/** The first byte of every row, and the reader of rows. */
import { ByteReader } from '../lib/byte-reader.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { CorruptStoreError } from './key-value-store.js';

/** What this release writes, and the only version that it reads. A version is read for one release before it is written. */
export const ROW_VERSION = 1;

/**
 * The state was written by a newer release. Nothing is wrong with it, so it must be neither wiped nor guessed at: the
 * partition stops until a release that knows the version runs.
 */
export class UnknownRowVersionError extends Error {
  override readonly name = 'UnknownRowVersionError';

  constructor(
    /** What has the version, such as `dataset row version` or `dataset status code`. */
    readonly kind: string,
    readonly version: number,
  ) {
    super(
      `${kind} ${version} is not known to this release: it was written by a newer one. Run that release or a later ` +
        `one; the state was left as it is`,
    );
  }
}

/** Reads keys and values of the store: malformed bytes there mean that the store is corrupt. */
export class RowReader extends ByteReader {
  override malformed(fault: string): CorruptStoreError {
    return new CorruptStoreError(`${this.what}: ${fault}`);
  }
}

export function beginRow(to: ByteWriter): void {
  to.byte(ROW_VERSION);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function readRow(bytes: Buffer, what: string): RowReader {
  const from = new RowReader(bytes, what);
  const version = from.byte();
  if (version !== ROW_VERSION) throw new UnknownRowVersionError(`${what} version`, version);
  return from;
}
