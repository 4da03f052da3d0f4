/**
 * Proves by a write that the end of a changelog was read correctly. Only the owner writes to its changelog partition,
 * and only the true leader acknowledges a record. So the owner's first record must be at the offset that was reported
 * as the log's end. If it is not, a broker has given an old view of the log. Then the state was built from only a part
 * of the log, and the transaction must not be committed.
 */
import type { Stopwatch } from '../lib/stopwatch.js';
import { StaleViewError } from './errors.js';

export class ChangelogTail {
  /** The offset that the next record must have. After the proof, the lowest offset that it may have. */
  #next: number;
  #proved = false;
  #sinceBegin: Stopwatch | null = null;

  /** @param end the reported end of the changelog; no transaction is open, and no other producer can write */
  constructor(end: number) {
    this.#next = end;
  }

  /**
   * Checks a write to the changelog. Call it after each write of a transaction, before the commit.
   *
   * @param first offset of the first record written
   * @throws StaleViewError
   */
  mustFollow(first: number): void {
    // After the proof, markers that were written twice may be in between.
    const follows = this.#proved ? first >= this.#next : first === this.#next;
    if (follows) return;
    throw new StaleViewError(
      `the first record written to the changelog has offset ${first}, but the log was said to end at ${this.#next}: a ` +
        'broker has given an old view of it, or another producer writes to it. The partition restarts',
    );
  }

  /** Call it after a commit. @param end the offset after its last record; `sinceBegin`: since its transaction began */
  committed(end: number, sinceBegin: Stopwatch): void {
    this.#next = end;
    this.#proved = true;
    this.#sinceBegin = sinceBegin;
  }

  /** The time since the last committed transaction began; null before the first one. */
  get sinceBegin(): Stopwatch | null {
    return this.#sinceBegin;
  }
}
