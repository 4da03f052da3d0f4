/** Which errors are faults of this program: no network, broker or disk has caused them, and trying again does not help. */

const NAMES_OF_FAULTS = new Set([
  ...['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'EvalError', 'URIError'],
  'AssertionError',
]);

/**
 * Whether an error is one that the language or an assertion throws. What fails outside has a class or a code of its own.
 * kafkajs tries again after any error, and then names the number of tries: what counts is the error below.
 */
export function isOwnFault(error: unknown): boolean {
  const { name, cause } = (error ?? {}) as { readonly name?: unknown; readonly cause?: unknown };
  if (name === 'KafkaJSNumberOfRetriesExceeded' && cause !== undefined) return isOwnFault(cause);
  return typeof name !== 'string' || NAMES_OF_FAULTS.has(name);
}

/**
 * Where every error would pass for an outage, which is waited out.
 * @throws the error itself if it is a fault of this program
 */
export function mustBeOutage(error: unknown): void {
  if (isOwnFault(error)) throw error;
}

/** For a question that need not be answered. @throws as `mustBeOutage` */
export function noAnswerIfOutage(error: unknown): null {
  mustBeOutage(error);
  return null;
}
