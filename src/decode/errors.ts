/** What can end decoding without a verdict on any record; see also RegistryUnavailableError (schema-source.ts). */

/** The caller gave up the batch (its partition was revoked, or the process stops): not a fault, nothing to retry. */
export class DecodingAbortedError extends Error {
  override readonly name = 'DecodingAbortedError';
  constructor() {
    super('decoding was given up: the caller aborted it');
  }
}

/** `work`, or a rejection as soon as `signal` aborts. The work itself goes on; its result is then not looked at. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new DecodingAbortedError());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
