/**
 * Lets a limited number of pieces of work run at a time. The others wait in one queue for each asker. A free turn goes to
 * the askers in rotation, so the wait of one asker does not grow with what another one asks for: if `n` askers wait, the
 * first work of each begins after at most `n - 1` others.
 */
export class Turns {
  #free: number;
  /** The work that waits, by asker. The asker whose turn is next is the first. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(most: number) {
    this.#free = most;
  }

  async run<T>(asker: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((onTurn) => this.#wait(asker, onTurn));
    try {
      return await work();
    } finally {
      const next = this.#next();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #wait(asker: string, onTurn: () => void): void {
    const queue = this.#waiting.get(asker);
    if (queue === undefined) this.#waiting.set(asker, [onTurn]);
    else queue.push(onTurn);
  }

  #next(): (() => void) | undefined {
    for (const [asker, queue] of this.#waiting) {
      const next = queue.shift();
      this.#waiting.delete(asker);
      if (queue.length > 0) this.#waiting.set(asker, queue);
      return next;
    }
    return undefined;
  }
}
