/**
 * Keeps a log small while the same error repeats. Each cause has one line a minute, and that line has the number of
 * lines that were left out.
 */

/** Milliseconds until a lasting cause is logged again. */
export const REPEAT_AFTER_MS = 60_000;
/**
 * Causes that are distinguished at a time; all others share one line. So a log grows by at most this many lines a
 * minute, whatever happens. Outages have a handful of causes; an operator cannot follow a cause that differs in each
 * line.
 */
export const MAX_CAUSES = 200;
const OTHERS = 'others';

interface Lines {
  readonly since: number;
  logged: number;
  leftOut: number;
}

export class RepeatedLines {
  readonly #byCause = new Map<string, Lines>();

  /** @param now milliseconds since the epoch */
  constructor(
    private readonly now: () => number,
    private readonly maxCauses = MAX_CAUSES,
  ) {}

  /**
   * Call it before a line is logged.
   *
   * @param cause what makes two lines the same
   * @param atOnce how many lines of this cause a minute may have
   * @returns how many lines of this cause were left out since the last one; null if this one is to be left out too
   */
  take(cause: string, atOnce = 1): number | null {
    const now = this.now();
    const known = this.#byCause.get(cause);
    if (known === undefined && cause !== OTHERS && !this.#hasRoom(now)) return this.take(OTHERS, atOnce);
    if (known !== undefined && now >= known.since && now - known.since < REPEAT_AFTER_MS) {
      if (known.logged < atOnce) {
        known.logged++;
        return 0;
      }
      known.leftOut++;
      return null;
    }
    this.#byCause.set(cause, { since: now, logged: 1, leftOut: 0 });
    return known?.leftOut ?? 0;
  }

  #hasRoom(now: number): boolean {
    if (this.#byCause.size < this.maxCauses) return true;
    for (const [cause, { since }] of this.#byCause) if (now - since >= REPEAT_AFTER_MS) this.#byCause.delete(cause);
    return this.#byCause.size < this.maxCauses;
  }
}

/** Removes numbers from a text: another address, offset or partition is not another cause. */
export function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, '#');
}
