/** Requests schema ids from the registry, a few at a time. */
import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';
import type { Denial } from './schema-denials.js';
import { RegistryUnavailableError } from './schema-source.js';

/** Requests of one batch in progress at a time. If this many in a row fail, no more are begun. */
const MAX_QUESTIONS = 8;
/** No more requests are begun after so many characters of schemas were compiled. */
const MAX_CHARACTERS = 4 * 1_024 * 1_024;
/** No more requests are begun after this time, in milliseconds, if the caller can continue. */
const LONG_MS = 500;

export interface RequestsMade {
  /** The last failure; null if every request got an answer. */
  readonly failure: RegistryUnavailableError | null;
  /** No request got an answer, or the failures look like an outage, or the registry asked for a pause. */
  readonly isOver: boolean;
  /** Some ids may not have been requested, although the registry answers. */
  readonly isCutShort: boolean;
}

/**
 * Requests each id once, in their order. Continues after a failure, unless only failures follow, or the registry asks
 * for a pause. An id whose request failed begins its series of denials again. In an outage, the ids that could not be
 * requested any more also begin their series again. A registry that asks for a pause is not an outage.
 *
 * @param isEnough whether the caller can continue
 * @param ask requests an id. @returns the number of characters compiled; null if the registry denies the id
 * @throws what `ask` throws, except RegistryUnavailableError
 */
export async function requestAll(
  denials: readonly Denial[],
  clock: SteadyClock,
  isEnough: () => boolean,
  ask: (denial: Denial) => Promise<number | null>,
): Promise<RequestsMade> {
  const startedAt = steadyMs(clock);
  const left = denials.values();
  let answers = 0;
  let characters = 0;
  let failuresInARow = 0;
  let isOver = false;
  let isCutShort = false;
  const failures: RegistryUnavailableError[] = [];
  const askOne = async (denial: Denial): Promise<void> => {
    try {
      characters += (await ask(denial)) ?? 0;
      answers++;
      failuresInARow = 0;
    } catch (error) {
      if (!(error instanceof RegistryUnavailableError)) {
        isOver = true;
        throw error;
      }
      denial.interrupt();
      failures[0] = error;
      isOver ||= ++failuresInARow >= MAX_QUESTIONS || error.retryAfterMs !== null;
    }
  };
  const isLong = () => steadyMs(clock) - startedAt >= LONG_MS && isEnough();
  const askOn = async (): Promise<void> => {
    // All tasks share one iterator: each takes the next id.
    while (!isOver && characters < MAX_CHARACTERS && !isLong()) {
      const next = left.next();
      if (next.done === true) return;
      await askOne(next.value);
    }
    isCutShort = true;
  };
  await Promise.all(Array.from({ length: MAX_QUESTIONS }, askOn));
  const failure = failures[0] ?? null;
  if (failure === null) return { failure, isOver: false, isCutShort };
  if (isOver && failure.retryAfterMs === null) for (const denial of left) denial.interrupt();
  return { failure, isOver: isOver || answers === 0, isCutShort };
}
