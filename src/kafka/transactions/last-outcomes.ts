import { randomInt } from 'node:crypto';
import type { TransactionOutcome } from '../../pipeline/ports.js';
import type { DescribedTransaction } from '../protocol/describe-transaction.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';

const TIMEOUT_SPREAD_MS = 1_000;
const COMMITTED: ReadonlySet<string> = new Set(['PrepareCommit', 'CompleteCommit']);
const ABORTED: ReadonlySet<string> = new Set(['PrepareAbort', 'CompleteAbort']);

/** A producer session, and the outcome of its last transaction. The session has begun nothing since. */
interface Known {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly outcome: TransactionOutcome;
}

/**
 * Knows how the last transaction of each transactional id ended. The coordinator reports it (DescribeTransactions)
 * until the id is fenced. The report still holds after a fencing only if nothing between the report and the fencing can
 * have changed the outcome.
 *
 * Between the report and the fencing, a former owner may still work in the reported epoch. Kafka has no request that
 * fences only if the reported state is unchanged. The answer to a fencing has only the next epoch. So the rule depends
 * on which ends of a transaction keep the epoch, and which raise it:
 *
 * - A commit keeps it. If the reported outcome is a commit, one more commit changes nothing.
 * - Every abort raises it. An abort comes from the coordinator (because of age), from a fencing, or from a producer
 *   that gives up its own transaction. Such a producer fences itself (`KafkaTransactionalProducer.discard`) instead of
 *   ending the transaction. So if `CompleteCommit` was reported for epoch e, a fencing that gives e + 1 proves that no
 *   transaction was aborted meanwhile.
 * - After an abort, no producer begins a transaction in the epoch of that abort. A fencing gives that epoch to no
 *   producer, and a producer that has repeated an end is discarded. So a reported `CompleteAbort` stays right.
 * - A fencing aborts a transaction that is open. The id is described again before the next attempt.
 * - A prepared transaction is decided, in the epoch in which it completes. The coordinator refuses a fencing until it
 *   has completed. That may happen between the description and the fencing: then `Prepare...` is the last reported
 *   state.
 *
 * An `Empty` id was fenced, and no transaction has begun since. Its report has no outcome. The outcome that this
 * process knows still holds in two cases. In the first case, it is of the same epoch: that epoch was ours, and its
 * producer is gone. In the second case, it is of the epoch before, and the fencing since then was an attempt of ours
 * whose answer was lost. A fencing by another instance looks the same, and that instance may begin and commit at once.
 * The transaction timeout tells the two apart: a fencing sets it, and each process uses a timeout of its own
 * (`ownTimeout`).
 *
 * Releases before this rule abort by EndTxn, which keeps the epoch. If one of them does so within the milliseconds
 * between report and fencing, its abort is taken for a commit. That matters only if brokers leave that abort open too.
 */
export class LastOutcomes {
  readonly #known = new Map<string, Known>();
  readonly #producerIds = new Map<string, Set<bigint>>();

  /** @param timeoutMs the transaction timeout with which this process fences; hardly any other process uses it */
  constructor(private readonly timeoutMs: number) {}

  /** Notes a report. @param before what the coordinator reports before an attempt to fence */
  note(transactionalId: string, before: DescribedTransaction): void {
    const { producerId, producerEpoch } = before;
    if (before.errorCode === NO_ERROR) this.#idsOf(transactionalId).add(producerId);
    const outcome = outcomeOf(before) ?? this.#stillOf(transactionalId, before);
    if (outcome === null) this.#known.delete(transactionalId);
    else this.#known.set(transactionalId, { producerId, producerEpoch, outcome });
  }

  /**
   * How the last transaction before a fencing ended.
   * @param session the session that the fencing has given
   * @returns null if it is unknown, for example because a former owner still worked between the report and the fencing
   */
  afterFencing(
    transactionalId: string,
    session: Pick<Known, 'producerId' | 'producerEpoch'>,
  ): TransactionOutcome | null {
    const known = this.#known.get(transactionalId);
    this.#known.delete(transactionalId);
    this.#idsOf(transactionalId).add(session.producerId);
    if (known === undefined || session.producerId !== known.producerId) return null;
    if (session.producerEpoch !== known.producerEpoch + 1) return null;
    this.#known.set(transactionalId, { ...known, producerEpoch: session.producerEpoch });
    return known.outcome;
  }

  /** Call it before a transaction of the id is begun: the known outcome is then not that of the last transaction. */
  forget(transactionalId: string): void {
    this.#known.delete(transactionalId);
  }

  /**
   * The producer ids that the transactional id has had, as far as this process knows. Brokers give a new producer id if
   * the epochs of the former one are used up, or after `transactional.id.expiration.ms` without a transaction. Records
   * that the former producer id has left open still belong to the transactional id.
   */
  producerIds(transactionalId: string): ReadonlySet<bigint> {
    return this.#idsOf(transactionalId);
  }

  #idsOf(transactionalId: string): Set<bigint> {
    const ids = this.#producerIds.get(transactionalId) ?? new Set();
    this.#producerIds.set(transactionalId, ids);
    return ids;
  }

  /**
   * The known outcome of an `Empty` id, if only an attempt of ours can have fenced the id (its answer was lost).
   * Otherwise null.
   */
  #stillOf(transactionalId: string, before: DescribedTransaction): TransactionOutcome | null {
    const known = this.#known.get(transactionalId);
    if (known === undefined || before.state !== 'Empty' || before.producerId !== known.producerId) return null;
    const fencings = before.producerEpoch - known.producerEpoch;
    const isOurs = fencings === 0 || (fencings === 1 && before.timeoutMs === this.timeoutMs);
    return isOurs ? known.outcome : null;
  }
}

/** Also null for a transaction that has not ended: the fencing ends it, and then the id is described again. */
function outcomeOf({ errorCode, state }: DescribedTransaction): TransactionOutcome | null {
  if (errorCode !== NO_ERROR) return null;
  if (COMMITTED.has(state)) return 'commit';
  return ABORTED.has(state) ? 'abort' : null;
}

/** The timeout minus a random part of up to a second. By it, `LastOutcomes` recognises the fencings of this process. */
export function ownTimeout(timeoutMs: number): number {
  return timeoutMs - randomInt(TIMEOUT_SPREAD_MS);
}
