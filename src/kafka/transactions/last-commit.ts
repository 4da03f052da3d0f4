import type { TopicPartition } from '../../lib/record.js';
import type { KnownCommit } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import { ERROR_CODES } from '../protocol/protocol-errors.js';
import type { Answer } from '../protocol/transaction-requests.js';

/**
 * Remembers, for each log, at which offset the last commit that wrote to it ended. It counts only commits of one
 * transactional id that the coordinator has acknowledged to this process. Most transactions announce nothing. So the
 * last commit in an outbound topic, which brokers may have left open, may be many commits old.
 *
 * This object outlives the producer sessions. The coordinator reports only how the last transaction ended. After a
 * broker has failed, the last transaction is the one that could not write to that broker. The coordinator does not
 * report the commit before it, although the markers of that commit may be missing on the failed broker.
 */
export class LastCommit {
  /** For each log, the offset at which the last commit that wrote to it ends. Each commit writes to the changelog. */
  readonly #committed = new Map<string, number>();
  #hasLastOffset = false;
  /** Where the records of the open transaction end; without an open transaction, of the last one that was begun. */
  #ends = new Map<string, number>();
  /** Places that transactions may have written to after the last commit there. */
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

  /** Call it when a transaction has begun that may write to `partitions`. */
  begun(partitions: readonly TopicPartition[]): void {
    this.#ends = new Map();
    for (const at of partitions) this.#begunSince.add(nameOf(at));
  }

  /** Call it when a leader has acknowledged records that end before offset `end`. */
  wrote(to: TopicPartition, end: number): void {
    this.#ends.set(nameOf(to), end);
  }

  /** Call it when an offset of the open transaction is being sent to the group's coordinator. */
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
    for (const [name, end] of this.#ends) {
      this.#committed.set(name, end);
      this.#begunSince.delete(name);
    }
    this.#hasLastOffset = true;
  }
}
