/**
 * The status words of a dataset and what each means for a company.
 * Source: the platform's status vocabulary; words are compared exactly, upper and lower case included.
 */

/** What a status says about a dataset: three terminal classes, and still running. */
export type StatusClass = 'succeeded' | 'failed' | 'ended' | 'in-progress';

/**
 * Every known word. The position of a word is its code in stored rows: append only, never reorder.
 */
const CLASS_OF_STATUS = {
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

export const KNOWN_STATUSES: readonly string[] = Object.keys(CLASS_OF_STATUS);

const classes = new Map<string, StatusClass>(Object.entries(CLASS_OF_STATUS));

/** The class of a status word. An unknown word is in progress, so that it can never complete a company. */
export function classOf(status: string): StatusClass {
  return classes.get(status) ?? 'in-progress';
}

export function isKnownStatus(status: string): boolean {
  return classes.has(status);
}
