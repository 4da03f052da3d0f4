/**
 * The status words of a dataset, and what each means for a company. Source: the platform's status vocabulary. Words are
 * compared exactly, including upper and lower case.
 */

/** The meaning of a status for its dataset: finished in one of three ways, or still in progress. */
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
 * The words added later, and the vocabulary that added each. To add a word, add it here and raise VOCABULARY.
 *
 * During a rolling upgrade and after a rollback, the previous release reads the same rows. It treats such a word as in
 * progress. So these words are stored as text, and never change a count in a stored row. A new word for success would
 * also change `succeeded`, which `tally.ts` does not separate yet. So the type does not allow one.
 */
const LATER_WORDS = {
  Routing: { since: 2, class: 'in-progress' },
  RoutingError: { since: 2, class: 'failed' },
} as const satisfies Record<string, { since: number; class: Exclude<StatusClass, 'succeeded'> }>;

/** The version of the vocabulary. It grows by one with each release that adds words. */
export const VOCABULARY = 2;

/** The words that have a code in stored rows; the index is the code. All other words are stored as text. */
export const CODED_STATUSES: readonly string[] = Object.keys(FIRST_WORDS);
export const KNOWN_STATUSES: readonly string[] = [...CODED_STATUSES, ...Object.keys(LATER_WORDS)];

const classes = new Map<string, StatusClass>([
  ...Object.entries(FIRST_WORDS),
  ...Object.entries(LATER_WORDS).map(([word, joined]): [string, StatusClass] => [word, joined.class]),
]);

const laterTerminalWords = new Set<string>(
  Object.entries(LATER_WORDS).flatMap(([word, joined]) => (joined.class === 'in-progress' ? [] : [word])),
);

/** The class of a status word. An unknown word is in progress, so it can never complete a company. */
export function classOf(status: string): StatusClass {
  return classes.get(status) ?? 'in-progress';
}

/** Whether the word is terminal now but was unknown, and so in progress, in the first vocabulary. */
export function isLaterTerminal(status: string): boolean {
  return laterTerminalWords.has(status);
}

export function isKnownStatus(status: string): boolean {
  return classes.has(status);
}
