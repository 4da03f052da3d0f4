/**
 * Why something failed, in words. The message of an error alone is not enough. `fetch` says only `fetch failed`, and
 * the reason is its cause. If a name has several addresses, such as localhost with IPv4 and IPv6, Node tries all of
 * them, and its AggregateError has no message. kafkajs then keeps the code alone.
 */

/** Errors in errors are followed to this depth: a chain can be a circle. */
const MAX_DEPTH = 5;
/** The most reasons of one AggregateError that are shown: one for each address that was tried. */
const MAX_REASONS = 4;
const FETCH_FAILED: readonly unknown[] = ['fetch failed', 'terminated'];
/** kafkajs puts these before the message of the socket's error. */
const WITHOUT_REASON = /^(?:Connection error|Failed to connect):\s*$/;

interface Parts {
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly code?: unknown;
  readonly broker?: unknown;
  readonly name?: unknown;
}

/** The reason of a failure. Never empty. @param error anything that was thrown */
export function reasonOf(error: unknown): string {
  return reasonAt(error, MAX_DEPTH);
}

function reasonAt(error: unknown, depth: number): string {
  if (!isError(error)) return String(error) || 'unknown error';
  const { message, cause, errors, code, broker, name }: Parts = error;
  const isSpecific = message !== '' && !FETCH_FAILED.includes(message) && !WITHOUT_REASON.test(String(message));
  if (isSpecific) return String(message);
  if (depth > 0 && Array.isArray(errors) && errors.length > 0) {
    const reasons = new Set(errors.map((one: unknown) => reasonAt(one, depth - 1)));
    return [...reasons].slice(0, MAX_REASONS).join(', ');
  }
  if (depth > 0 && cause !== undefined && cause !== null) return reasonAt(cause, depth - 1);
  if (typeof code !== 'string') return String(message) || String(name);
  return typeof broker === 'string' ? failureAt(broker, code) : code;
}

/** Not `instanceof`: an error may come from another realm, such as those of Node's own code in a test. */
function isError(error: unknown): error is Parts {
  return typeof error === 'object' && error !== null && 'message' in error;
}

function failureAt(address: string, code: string): string {
  return code === 'ECONNREFUSED' ? `${address} refuses the connection (${code})` : `${address}: ${code}`;
}
