/**
 * The status words of a dataset and what each means for a company.
 * Source: the platform's status vocabulary; words are compared exactly, upper and lower case included.
 */

/** What a status says about a dataset: three terminal classes, and still running. */
export type StatusClass = 'succeeded' | 'failed' | 'ended' | 'in-progress';

/**
 * The words of vocabulary 1. The position of a word is its code in stored rows: never add, remove or reorder one.
 * The counts in stored company rows are also counts by these words alone (`PendingCompany.laterFinished`).
 */
const FIRST_WORDS = {
  Complete: 'succeeded',
  FetchError: 'failed',
  MapError: 'failed',
  InternalError: 'failed',
  ProcessingError: 'failed',
  ValidationError: 'failed',
  AuthError: 'failed',
  RateLimitError: 'failed',
  PermissionsError: 'failed',
  PrerequisiteNotMet: 'failed',
  Cancelled: 'ended',
  NotSupported: 'ended',
  Initial: 'in-progress',
  Queued: 'in-progress',
  Fetching: 'in-progress',
  MapQueued: 'in-progress',
  Mapping: 'in-progress',
  ProcessingQueued: 'in-progress',
  Processing: 'in-progress',
  ValidationQueued: 'in-progress',
  Validating: 'in-progress',
} as const satisfies Record<string, StatusClass>;

export const FIRST_VOCABULARY = 1;

/**
 * The words that joined later, and the vocabulary that each joined in. To add a word, add it here and raise VOCABULARY.
 *
 * The release before reads the same rows during a rolling upgrade and after a rollback, and takes such a word as in
 * progress. So these words are stored as text, and never change a count in a stored row. A new word for success would
 * also change `succeeded`, which `tally.ts` does not separate yet: the type does not allow one.
 */
const LATER_WORDS = {
  Routing: { since: 2, class: 'in-progress' },
  RoutingError: { since: 2, class: 'failed' },
} as const satisfies Record<string, { since: number; class: Exclude<StatusClass, 'succeeded'> }>;

/** The version of the vocabulary: it grows by one with each release that adds words. */
export const VOCABULARY = 2;

/** The words that have a code in stored rows, by that code. All others are stored as text. */
export const CODED_STATUSES: readonly string[] = Object.keys(FIRST_WORDS);
export const KNOWN_STATUSES: readonly string[] = [...CODED_STATUSES, ...Object.keys(LATER_WORDS)];

const classes = new Map<string, StatusClass>([
  ...Object.entries(FIRST_WORDS),
  ...Object.entries(LATER_WORDS).map(([word, joined]): [string, StatusClass] => [word, joined.class]),
]);

const laterTerminalWords = new Set<string>(
  Object.entries(LATER_WORDS).flatMap(([word, joined]) => (joined.class === 'in-progress' ? [] : [word])),
);

/** The class of a status word. An unknown word is in progress, so that it can never complete a company. */
export function classOf(status: string): StatusClass {
  return classes.get(status) ?? 'in-progress';
}

/** Whether the word is terminal now, and was in progress in the first vocabulary because it was not known. */
export function isLaterTerminal(status: string): boolean {
  return laterTerminalWords.has(status);
}

export function isKnownStatus(status: string): boolean {
  return classes.has(status);
}
