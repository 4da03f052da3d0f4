/** The words of a dataset's status, from the contract. Any other word means that the dataset is in progress. */

const SUCCESS = new Set(['Complete']);
const FAILURE = new Set([
  ...['FetchError', 'MapError', 'InternalError', 'ProcessingError', 'ValidationError', 'AuthError', 'RateLimitError'],
  ...['PermissionsError', 'PrerequisiteNotMet', 'RoutingError'],
]);
const ENDED = new Set(['Cancelled', 'NotSupported']);

/**
 * Terminal words that earlier releases did not know. A company with such a word may have been announced by another
 * record than the one that completes it by today's words.
 */
const LATER_TERMINAL = new Set(['RoutingError']);
/** Every word that came later. An announcement after an upgrade with such a word has its own header. */
const LATER = new Set(['Routing', 'RoutingError']);

export type Standing = 'succeeded' | 'failed' | 'ended' | 'in progress';

export function standingOf(status: string): Standing {
  if (SUCCESS.has(status)) return 'succeeded';
  if (FAILURE.has(status)) return 'failed';
  return ENDED.has(status) ? 'ended' : 'in progress';
}

export function isTerminal(status: string): boolean {
  return standingOf(status) !== 'in progress';
}

export function isLaterTerminal(status: string): boolean {
  return LATER_TERMINAL.has(status);
}

export function isLater(status: string): boolean {
  return LATER.has(status);
}
