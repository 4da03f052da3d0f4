/** What an error of RocksDB means for the store. */
import { isNativeError } from 'node:util/types';
import { CorruptStoreError, StoreUnavailableError } from './key-value-store.js';

/** Codes that the binding gives where the disk or the machine, not the data, is the trouble. */
const UNAVAILABLE_CODES: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'ENOMEM',
  'EROFS',
  'EBUSY',
  'EAGAIN',
  'ETIMEDOUT',
  'ECANCELED',
  'ESHUTDOWN',
]);

/**
 * The binding reports corruption and failing I/O under one code, EIO. Failing I/O is told by the words of the operating
 * system at the end of its message. Whatever has none of them is the data: missing or unreadable files, checksums.
 */
const UNAVAILABLE_WORDS = [
  'No space left on device',
  'Disk quota exceeded',
  'File too large',
  'Input/output error',
  'Read-only file system',
  'Permission denied',
  'Operation not permitted',
  'Too many open files',
  'Cannot allocate memory',
  'Stale file handle',
  'Device or resource busy',
  'Interrupted system call',
  'Connection timed out',
  'Transport endpoint is not connected',
];

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
  return isDiskTrouble(error)
    ? new StoreUnavailableError(message, { cause })
    : new CorruptStoreError(message, { cause });
}

/** Someone has the folder open: its `LOCK` file is locked. */
export function isLockHeld(error: Error): boolean {
  return /LOCK: (Resource temporarily unavailable|No locks available)/.test(error.message);
}

function isDiskTrouble(error: Error): boolean {
  if ('code' in error && UNAVAILABLE_CODES.has(error.code)) return true;
  return UNAVAILABLE_WORDS.some((words) => error.message.includes(words));
}

/** A batch fails with an error of its own that names the batch's first real error as its cause. */
function innermost(thrown: unknown): Error {
  if (!isNativeError(thrown)) return new Error(String(thrown));
  return isNativeError(thrown.cause) ? innermost(thrown.cause) : thrown;
}
