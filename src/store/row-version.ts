/** The first byte of every row, and the reader of rows. */
import { ByteReader } from '../lib/byte-reader.js';
import type { ByteWriter } from '../lib/byte-writer.js';
import { CorruptStoreError } from './key-value-store.js';

/**
 * The version that this release writes, and the only one that it reads. A release that reads a version comes before one
 * that writes it.
 */
export const ROW_VERSION = 1;

/**
 * A newer release wrote the state. The state is not broken, so it must not be deleted, and this release must not guess
 * its meaning. The partition is `blocked` until a release runs that knows the version.
 */
export class UnknownRowVersionError extends Error {
  override readonly name = 'UnknownRowVersionError';

  constructor(
    /** The part that has the version, such as `dataset row version` or `dataset status code`. */
    readonly kind: string,
    readonly version: number,
  ) {
    super(
      `${kind} ${version} is unknown to this release: a newer release wrote it. Run that release or a later ` +
        `one; the state was left unchanged`,
    );
  }
}

/** Reads keys and values of the store. Malformed bytes in them mean that the store is corrupt. */
export class RowReader extends ByteReader {
  override malformed(fault: string): CorruptStoreError {
    return new CorruptStoreError(`${this.name}: ${fault}`);
  }
}

export function beginRow(to: ByteWriter): void {
  to.byte(ROW_VERSION);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function readRow(bytes: Buffer, name: string): RowReader {
  const from = new RowReader(bytes, name);
  const version = from.byte();
  if (version !== ROW_VERSION) throw new UnknownRowVersionError(`${name} version`, version);
  return from;
}
