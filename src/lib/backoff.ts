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

  /** Things went well: the next trouble starts with a short wait again. */
  reset(): void {
    this.#nextMs = this.firstMs;
  }
}
