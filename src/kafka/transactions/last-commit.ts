import type { TopicPartition } from '../../lib/record.js';
import type { KnownCommit } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import { ERROR_CODES, NO_ERROR } from '../protocol/protocol-errors.js';
import type { DescribedTransaction } from '../protocol/describe-transaction.js';
import type { Answer } from '../protocol/protocol-call.js';
import type { ProducerSession } from '../protocol/transaction-requests.js';

type Session = Pick<ProducerSession, 'producerId' | 'producerEpoch'>;

/**
 * Remembers, for each log, at which offset the last commit that wrote to it ended. It counts only commits of one
 * transactional id that the coordinator has acknowledged to this process. Most transactions announce nothing. So the
 * last commit in an outbound topic, which brokers may have left open, may be many commits old.
 *
 * This object outlives the producer sessions. The coordinator reports only how the last transaction ended. After a
 * broker has failed, the last transaction is the one that could not write to that broker. The coordinator does not
 * report the commit before it, although the markers of that commit may be missing on the failed broker.
 *
 * Another instance may fence in between, and begin transactions of its own. The end of the last commit stays right. But
 * then this process does not know whether a later transaction was begun in a log, until it commits to that log itself.
 * Two things reveal the other instance. An attempt to fence sets the transaction timeout, and each process uses a
 * timeout of its own (`ownTimeout`). And each fencing raises the epoch.
 */
export class LastCommit {
  /** For each log, the offset at which the last commit that wrote to it ends. Each commit writes to the changelog. */
  readonly #committed = new Map<string, number>();
  #hasLastOffset = false;
  /** Where the records of the open transaction end; without an open transaction, of the last one that was begun. */
  #ends = new Map<string, number>();
  /** Places that transactions may have written to after the last commit there. */
  readonly #begunSince = new Set<string>();
  /** Where the last commit of all has written. */
  #lastPlaces: ReadonlySet<string> = new Set();
  /** The id's session as this process has seen it last. */
  #session: Session | null = null;

  /** @param timeoutMs the transaction timeout with which this process fences; hardly any other process uses it */
  constructor(private readonly timeoutMs: number) {}

  get known(): KnownCommit | null {
    const ends = this.#committed;
    if (ends.size === 0) return null;
    return {
      endIn: (partition) => ends.get(nameOf(partition)) ?? null,
      isLastIn: (partition) => ends.has(nameOf(partition)) && !this.#begunSince.has(nameOf(partition)),
      wroteLast: (partition) => this.#lastPlaces.has(nameOf(partition)),
      hasLastOffset: this.#hasLastOffset,
    };
  }

  /** Call it with what the coordinator reports right before each attempt to fence. */
  described(before: DescribedTransaction): void {
    const { errorCode, state, timeoutMs, producerId, producerEpoch } = before;
    const isOurs = errorCode === NO_ERROR && timeoutMs === this.timeoutMs && producerId === this.#session?.producerId;
    // An id is `Empty` after a fencing: if this process alone has fenced, it was its last attempt, whose answer was
    // lost.
    const isNext = state !== 'Empty' || producerEpoch - (this.#session?.producerEpoch ?? 0) <= 1;
    if (!isOurs || !isNext) this.#hadOtherOwner();
    this.#session = { producerId, producerEpoch };
  }

  /** Call it with the session that a fencing has given. */
  fenced({ producerId, producerEpoch }: Session): void {
    const before = this.#session;
    const isNext = producerId === before?.producerId && producerEpoch === before.producerEpoch + 1;
    if (!isNext) this.#hadOtherOwner();
    this.#session = { producerId, producerEpoch };
  }

  #hadOtherOwner(): void {
    this.#hasLastOffset = false;
    for (const place of this.#committed.keys()) this.#begunSince.add(place);
  }

  /** Call it when a transaction has begun that may write to `partitions`. */
  begun(partitions: readonly TopicPartition[]): void {
    this.#ends = new Map();
    for (const partition of partitions) this.#begunSince.add(nameOf(partition));
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
    this.#lastPlaces = new Set(this.#ends.keys());
    this.#hasLastOffset = true;
  }
}
