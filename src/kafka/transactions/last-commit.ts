import type { TopicPartition } from '../../lib/record.js';
import type { KnownCommit } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import { ERROR_CODES } from '../protocol/protocol-errors.js';
import type { Answer } from '../protocol/transaction-requests.js';

/**
 * Remembers where the last commit of a transactional id wrote, of the commits that the coordinator has acknowledged to
 * this process.
 *
 * It outlives the producer sessions. The coordinator only reports how the last transaction ended. If a broker is gone,
 * that is the transaction which could not write to it. It is not the commit before, whose markers may be missing on
 * that broker.
 */
export class LastCommit {
  #committed: ReadonlyMap<string, number> | null = null;
  #hasLastOffset = false;
  /** Where the records of the open transaction end. */
  #ends = new Map<string, number>();

  get known(): KnownCommit | null {
    const ends = this.#committed;
    if (ends === null) return null;
    return { endIn: (at) => ends.get(nameOf(at)) ?? null, hasLastOffset: this.#hasLastOffset };
  }

  /** Call it when a transaction has begun. */
  begun(): void {
    this.#ends = new Map();
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
    this.#committed = this.#ends;
    this.#hasLastOffset = true;
  }
}
