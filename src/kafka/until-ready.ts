import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { BrokerError } from '../pipeline/errors.js';
import { ERROR_CODES, NO_ERROR, noAnswer, refusal } from './protocol-errors.js';
import type { Answer } from './transaction-requests.js';

const RETRY_FIRST_MS = 1;
const RETRY_MAX_MS = 20;
/** A cluster that has not settled by then is for the caller to tell of; asking anew later does no harm. */
const PATIENCE_MS = 10_000;

/** The coordinator has not done it: it ends the last owner's transaction, still loads, or is another one now. */
const NOT_YET: ReadonlySet<number> = new Set([
  ERROR_CODES.CONCURRENT_TRANSACTIONS,
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODES.NOT_COORDINATOR,
]);

/**
 * Asks until the cluster is ready to answer. Only for what may be done twice: finding a coordinator, fencing.
 *
 * @param ask one attempt; it rejects where there was no answer, and tries another broker the next time. A BrokerError
 * of its own is final.
 * @throws FencedError, BrokerError
 */
export async function untilReady<T extends Answer>(clock: Clock, request: string, ask: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  const deadline = clock.now() + PATIENCE_MS;
  for (;;) {
    const [outcome] = await Promise.allSettled([ask()]);
    const isOver = clock.now() >= deadline;
    if (outcome.status === 'fulfilled') {
      const { errorCode } = outcome.value;
      if (errorCode === NO_ERROR) return outcome.value;
      if (isOver || !NOT_YET.has(errorCode)) throw refusal(errorCode, request);
    } else {
      if (outcome.reason instanceof BrokerError) throw outcome.reason;
      if (isOver) throw noAnswer(outcome.reason, request);
    }
    await clock.delay(backoff.next());
  }
}
