import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { mustBeOutage } from '../../lib/own-fault.js';
import { BrokerError, BrokerSettingError } from '../../pipeline/errors.js';
import { ERROR_CODES, NO_ERROR, noAnswer, refusal } from '../protocol/protocol-errors.js';
import type { Answer } from '../protocol/transaction-requests.js';

/** For a coordinator that is not ready: the markers of a transaction take milliseconds. */
const NOT_YET_FIRST_MS = 1;
const NOT_YET_MAX_MS = 20;
/** For no answer: each attempt connects again, and brokers that are down are down for a while. */
const NO_ANSWER_FIRST_MS = 100;
const NO_ANSWER_MAX_MS = 1_000;
/** A cluster that has not settled by then is for the caller to report; asking again later does no harm. */
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
 * or BrokerSettingError of its own is final.
 * @param leastAttempts made even after the time is up, so that no broker is left out
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
  const deadline = clock.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt++) {
    const [outcome] = await Promise.allSettled([ask()]);
    const isOver = attempt >= leastAttempts && clock.now() >= deadline;
    if (outcome.status === 'fulfilled') {
      const { errorCode } = outcome.value;
      if (errorCode === NO_ERROR) return outcome.value;
      if (isOver || !NOT_YET.has(errorCode)) throw refusal(errorCode, request);
      await clock.delay(notYet.next());
    } else {
      if (outcome.reason instanceof BrokerError || outcome.reason instanceof BrokerSettingError) throw outcome.reason;
      mustBeOutage(outcome.reason);
      if (isOver) throw noAnswer(outcome.reason, request);
      await clock.delay(unanswered.next());
    }
  }
}
