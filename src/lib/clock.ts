/** Time as a parameter, so that a simulation can control it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a clock that nobody sets: use a `Stopwatch`. A simulated clock that is never set leaves it out. */
  monotonicMs?(): number;
  /** Resolves after `ms`, or early when `signal` aborts. Never rejects. */
  delay(ms: number, signal?: EndSignal): Promise<void>;
}

/** What a wait needs of a signal: an AbortSignal, or an `End`. */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(event: 'abort', listener: () => void): void;
  removeEventListener(event: 'abort', listener: () => void): void;
}

/**
 * Ends one wait. Each request to a broker and each call of a store has a time limit, so such waits begin thousands of
 * times a second. An AbortController would do the same, but it took a tenth of the processor's CPU time.
 */
export class End implements EndSignal {
  aborted = false;
  #listener: (() => void) | null = null;

  abort(): void {
    this.aborted = true;
    const listener = this.#listener;
    this.#listener = null;
    listener?.();
  }

  /** @throws Error if there is a listener already */
  addEventListener(_event: 'abort', listener: () => void): void {
    if (this.#listener !== null) throw new Error('an End ends one wait, but a second one listens to it');
    this.#listener = listener;
  }

  removeEventListener(_event: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = null;
  }
}
