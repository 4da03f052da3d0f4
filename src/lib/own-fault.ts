/**
 * Recognises errors that are faults of this program: no network, broker or disk has caused them, and a retry does not
 * help.
 */

const NAMES_OF_FAULTS = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'EvalError',
  'URIError',
  'AssertionError',
]);

/**
 * Whether the language or an assertion has thrown the error. Failures outside of the program have a class or a code of
 * their own. kafkajs retries after any error, and then throws an error about the number of retries. The cause of that
 * error decides.
 */
export function isOwnFault(error: unknown): boolean {
  const { name, cause } = (error ?? {}) as { readonly name?: unknown; readonly cause?: unknown };
  if (name === 'KafkaJSNumberOfRetriesExceeded' && cause !== undefined) return isOwnFault(cause);
  return typeof name !== 'string' || NAMES_OF_FAULTS.has(name);
}

/**
 * Call it before you treat an error as an outage and wait for its end.
 * @throws the error itself if it is a fault of this program
 */
export function mustBeOutage(error: unknown): void {
  if (isOwnFault(error)) throw error;
}

/** For a request whose answer is optional: returns null after an outage. @throws as `mustBeOutage` */
export function noAnswerIfOutage(error: unknown): null {
  mustBeOutage(error);
  return null;
}
