/** Exponential backoff without jitter: each wait doubles, from `firstMs` to at most `maxMs`. */
export class Backoff {
  #nextMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
  ) {
    this.#nextMs = firstMs;
  }

  /** How long to wait now, in milliseconds. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, this.maxMs);
    return ms;
  }

  /** Call it after a success: the next wait is short again. */
  reset(): void {
    this.#nextMs = this.firstMs;
  }
}
