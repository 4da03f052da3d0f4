/** Decides what an error of RocksDB means for the store. */
import { isNativeError } from 'node:util/types';
import { CorruptStoreError, StoreUnavailableError } from './key-value-store.js';

/**
 * The binding reports both corruption and I/O failures under one code, EIO, mostly without a word that tells them
 * apart. So RocksDB's own phrases identify corruption. Every other error counts as trouble of the disk or the machine.
 * A store set aside for corruption costs a restore, and an unknown errno must not cause that.
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

/** Other files of the database name the missing file. So it existed before, and the store is corrupt. */
const MISSING_FILE = /(CURRENT|MANIFEST-\d+|\d+\.(sst|log)): No such file or directory/;
/**
 * While opening a database, RocksDB reports some disk failures as corruption. But its message contains the disk's error
 * text.
 */
const FAILED_IO = 'IO error:';

/**
 * @param doing the call that failed, such as `cannot open /state/partition-7`
 * @param cause the error that the binding threw
 */
export function storeErrorOf(doing: string, cause: unknown): CorruptStoreError | StoreUnavailableError {
  const error = innermost(cause);
  const message = `${doing}: ${error.message}`;
  if (isLockHeld(error))
    return new StoreUnavailableError(`${doing}: another process or store has it open (${error.message})`, {
      cause,
    });
  return isCorruption(error)
    ? new CorruptStoreError(message, { cause })
    : new StoreUnavailableError(message, { cause });
}

/** Whether the folder is open elsewhere: its `LOCK` file is locked. */
export function isLockHeld(error: Error): boolean {
  return /LOCK: (Resource temporarily unavailable|No locks available)/.test(error.message);
}

function isCorruption({ message }: Error): boolean {
  if (MISSING_FILE.test(message)) return true;
  return !message.includes(FAILED_IO) && CORRUPTION_PHRASES.some((phrase) => message.includes(phrase));
}

/** If a batch fails, its error names the batch's first real error as its cause. */
function innermost(thrown: unknown): Error {
  if (!isNativeError(thrown)) return new Error(String(thrown));
  return isNativeError(thrown.cause) ? innermost(thrown.cause) : thrown;
}
