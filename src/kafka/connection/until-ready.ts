import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { mustBeOutage } from '../../lib/own-fault.js';
import { retryUntil } from '../../lib/retry-until.js';
import { BrokerError, BrokerSettingError } from '../../pipeline/errors.js';
import { ERROR_CODES, NO_ERROR, noAnswer, refusal } from '../protocol/protocol-errors.js';
import type { Answer } from '../protocol/protocol-call.js';

/**
 * The pauses while a coordinator is not ready. They are short, because it writes the markers of a transaction within
 * milliseconds.
 */
const NOT_YET_FIRST_MS = 1;
const NOT_YET_MAX_MS = 20;
/**
 * The pauses while no broker answers. They are longer, because each attempt connects again, and a broker that is down
 * stays down for some time.
 */
const NO_ANSWER_FIRST_MS = 100;
const NO_ANSWER_MAX_MS = 1_000;
/** After this time the caller should report the trouble. Asking again later does no harm. */
const UNTIL_READY_TIMEOUT_MS = 10_000;

/**
 * The coordinator has not carried out the request: it is ending the former owner's transaction, is loading, or has
 * moved.
 */
const NOT_YET: ReadonlySet<number> = new Set([
  ERROR_CODES.CONCURRENT_TRANSACTIONS,
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODES.NOT_COORDINATOR,
]);

/**
 * Repeats a request until the cluster is ready to answer. Use it only for requests that may be done twice, such as
 * finding a coordinator or fencing. It is `retryUntil` for requests whose answers have error codes.
 *
 * @param ask makes one attempt. It rejects if there was no answer, and then tries another broker the next time. A
 *   BrokerError or BrokerSettingError that it throws is final.
 * @param leastAttempts made even after the time is up, so that each broker is asked
 * @throws FencedError, BrokerError
 */
export async function untilReady<T extends Answer>(
  clock: Clock,
  request: string,
  ask: () => Promise<T>,
  leastAttempts = 1,
): Promise<T> {
  const notYet = new Backoff(NOT_YET_FIRST_MS, NOT_YET_MAX_MS);
  const unanswered = new Backoff(NO_ANSWER_FIRST_MS, NO_ANSWER_MAX_MS);
  /** The pauses after the last attempt; null if another attempt cannot help. */
  let pauses: Backoff | null;
  const attempt = async (): Promise<T> => {
    pauses = null;
    const [outcome] = await Promise.allSettled([ask()]);
    if (outcome.status === 'rejected') {
      if (outcome.reason instanceof BrokerError || outcome.reason instanceof BrokerSettingError) throw outcome.reason;
      mustBeOutage(outcome.reason);
      pauses = unanswered;
      throw noAnswer(outcome.reason, request);
    }
    const { errorCode } = outcome.value;
    if (errorCode === NO_ERROR) return outcome.value;
    if (NOT_YET.has(errorCode)) pauses = notYet;
    throw refusal(errorCode, request);
  };
  const pause = { next: () => pauses?.next() ?? 0 };
  const terms = { clock, patienceMs: UNTIL_READY_TIMEOUT_MS, leastAttempts, pause, mayHelp: () => pauses !== null };
  return retryUntil(terms, attempt);
}
