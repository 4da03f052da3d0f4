/** What can end decoding without a verdict on any record; see also RegistryUnavailableError (schema-source.ts). */
import { LongPromise } from '../lib/long-promise.js';

/** The caller gave up the batch (its partition was revoked, or the process stops): not a fault, nothing to retry. */
export class DecodingAbortedError extends Error {
  override readonly name = 'DecodingAbortedError';
  constructor() {
    super('decoding was given up: the caller aborted it');
  }
}

/** `work`, or a rejection as soon as `signal` aborts. The work itself goes on; its result is then not looked at. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (await new LongPromise(work).settlesBefore(signal)) return work;
  throw new DecodingAbortedError();
}
