import type { TopicPartition } from '../../lib/record.js';
import type { KnownCommit } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import { ERROR_CODES } from '../protocol/protocol-errors.js';
import type { Answer } from '../protocol/transaction-requests.js';

/**
 * The commits of a transactional id that the coordinator has acknowledged to this process: in each place the last one that
 * wrote there. Most transactions announce nothing, so a commit that is open in an outbound topic may be many commits ago.
 *
 * It outlives the producer sessions. The coordinator tells only how the last transaction ended. If a broker is gone, that
 * is the one which could not write to it, and not the commit before, whose markers brokers may have skipped there.
 */
export class LastCommit {
  /** By place, where the last commit that wrote there ends. Each commit writes to the changelog. */
  readonly #committed = new Map<string, number>();
  #hasLastOffset = false;
  /** Of the transaction that is open, or was begun last. */
  #ends = new Map<string, number>();
  /** Places of transactions that were begun after the last commit which wrote there. */
  readonly #begunSince = new Set<string>();

  get known(): KnownCommit | null {
    const ends = this.#committed;
    if (ends.size === 0) return null;
    return {
      endIn: (at) => ends.get(nameOf(at)) ?? null,
      isLastIn: (at) => ends.has(nameOf(at)) && !this.#begunSince.has(nameOf(at)),
      hasLastOffset: this.#hasLastOffset,
    };
  }

  /** A transaction has begun that may write to `places`. */
  begun(places: readonly TopicPartition[]): void {
    this.#ends = new Map();
    for (const at of places) this.#begunSince.add(nameOf(at));
  }

  /** A leader has acknowledged records that end before offset `end`. */
  wrote(to: TopicPartition, end: number): void {
    this.#ends.set(nameOf(to), end);
  }

  /** An offset of the open transaction is on its way to the group's coordinator. */
  sentOffset(sending: Promise<Answer>): void {
    const hadLast = this.#hasLastOffset;
    this.#hasLastOffset = false;
    const isNotTaken = ({ errorCode }: Answer) => errorCode === ERROR_CODES.NOT_COORDINATOR;
    sending.then(
      (answer) => (this.#hasLastOffset ||= hadLast && isNotTaken(answer)),
      () => undefined,
    );
  }

  committed(): void {
    for (const [place, end] of this.#ends) {
      this.#committed.set(place, end);
      this.#begunSince.delete(place);
    }
    this.#hasLastOffset = true;
  }
}
