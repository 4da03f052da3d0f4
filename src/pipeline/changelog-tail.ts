/**
 * Proves by writing that the end of a changelog was read right.
 *
 * Only the owner writes to its changelog partition, and a record is acknowledged only by the true leader. So the owner's
 * first record must be at the offset where the log was said to end. If it is not, a broker has given an old view of the log,
 * and the state was built from a part of it: the transaction must not be committed.
 */
import { StaleViewError } from './errors.js';

export class ChangelogTail {
  /** The offset that the next record must have; once proved, the lowest that it may have. */
  #next: number;
  #proved = false;
  #begunAt: number | null = null;

  /** @param end where the changelog was said to end: no transaction is open, and nobody else can write */
  constructor(end: number) {
    this.#next = end;
  }

  /**
   * Call it after each write of a transaction to the changelog, and before the commit.
   * @param first offset of the first record written
   * @throws StaleViewError
   */
  mustFollow(first: number): void {
    // Later, markers that were written twice may be in between.
    const follows = this.#proved ? first >= this.#next : first === this.#next;
    if (follows) return;
    throw new StaleViewError(
      `the first record written to the changelog has offset ${first}, and the log was said to end at ${this.#next}: a ` +
        'broker has given an old view of it, or another producer writes to it. The partition is taken over again',
    );
  }

  /** The transaction has committed. @param end the offset after its last record; `begunAt`: ms since the epoch */
  committed(end: number, begunAt: number): void {
    this.#next = end;
    this.#proved = true;
    this.#begunAt = begunAt;
  }

  /** When the last transaction that has committed was begun, milliseconds since the epoch; null before the first one. */
  get lastBegunAt(): number | null {
    return this.#begunAt;
  }
}
