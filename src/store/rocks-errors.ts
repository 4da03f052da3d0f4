/** What an error of RocksDB means for the store. */
import { isNativeError } from 'node:util/types';
import { CorruptStoreError, StoreUnavailableError } from './key-value-store.js';

/**
 * The binding reports corruption and failing I/O under one code, EIO, and mostly without the word for which it is. So
 * corruption is told by RocksDB's own phrases, and whatever has none of them is trouble of the disk or the machine: what
 * is set aside for corruption takes a restore, and an unknown errno must not cost that.
 */
const CORRUPTION_PHRASES = [
  'Corruption:',
  'may be corrupted',
  'checksum mismatch',
  'corrupted compressed block',
  'bad block',
  'bad entry in block',
  'bad record',
  'truncated block',
  'truncated record',
  'Bad table magic number',
  'file is too short',
  'file size mismatch',
  'malformed',
  'CURRENT file does not end with newline',
  'CURRENT file corrupted',
  'contains existing log file',
  'exists but is not a directory',
];

/** A file of the database that its other files name: it was there. */
const MISSING_FILE = /(CURRENT|MANIFEST-\d+|\d+\.(sst|log)): No such file or directory/;
/** RocksDB takes some failures of the disk while it opens a database for corruption, but passes their words on. */
const FAILED_IO = 'IO error:';

/**
 * @param doing what failed, such as `cannot open /state/partition-7`
 * @param cause what the binding threw
 */
export function storeErrorOf(doing: string, cause: unknown): CorruptStoreError | StoreUnavailableError {
  const error = innermost(cause);
  const message = `${doing}: ${error.message}`;
  if (isLockHeld(error))
    return new StoreUnavailableError(`${doing}: it is open elsewhere, in another process or store (${error.message})`, {
      cause,
    });
  return isCorruption(error)
    ? new CorruptStoreError(message, { cause })
    : new StoreUnavailableError(message, { cause });
}

/** Someone has the folder open: its `LOCK` file is locked. */
export function isLockHeld(error: Error): boolean {
  return /LOCK: (Resource temporarily unavailable|No locks available)/.test(error.message);
}

function isCorruption({ message }: Error): boolean {
  if (MISSING_FILE.test(message)) return true;
  return !message.includes(FAILED_IO) && CORRUPTION_PHRASES.some((phrase) => message.includes(phrase));
}

/** A batch fails with an error of its own that names the batch's first real error as its cause. */
function innermost(thrown: unknown): Error {
  if (!isNativeError(thrown)) return new Error(String(thrown));
  return isNativeError(thrown.cause) ? innermost(thrown.cause) : thrown;
}
