import { setTimeout as delay } from 'node:timers/promises';

const DEFAULT_INTERVAL_MS = 100;

export interface PollOptions {
  /** The name of the awaited state, for the error. */
  readonly awaited: string;
  readonly timeoutMs: number;
  /** The pause between two calls of `probe`; 100 ms by default. */
  readonly intervalMs?: number | undefined;
  /** A rejection ends the wait early, for example if the process that should answer has exited. */
  readonly abort?: Promise<never>;
}

/**
 * Calls `probe` again and again until it resolves to true. A rejection counts as "not yet". After `timeoutMs` it throws
 * an error whose cause is the last rejection.
 */
export async function pollUntil(probe: () => Promise<boolean>, options: PollOptions): Promise<void> {
  let over = false;
  const asking = async (): Promise<void> => {
    const deadline = Date.now() + options.timeoutMs;
    let reason: unknown;
    while (!over) {
      try {
        if (await probe()) return;
        reason = undefined;
      } catch (error) {
        reason = error;
      }
      if (Date.now() > deadline) {
        throw new Error(`timed out after ${options.timeoutMs / 1_000} s: ${options.awaited}`, { cause: reason });
      }
      await delay(options.intervalMs ?? DEFAULT_INTERVAL_MS);
    }
  };
  try {
    await (options.abort === undefined ? asking() : Promise.race([asking(), options.abort]));
  } finally {
    over = true;
  }
}
