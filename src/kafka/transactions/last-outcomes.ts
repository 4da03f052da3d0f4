import { randomInt } from 'node:crypto';
import type { TransactionOutcome } from '../../pipeline/ports.js';
import type { DescribedTransaction } from '../protocol/describe-transaction.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';

const TIMEOUT_SPREAD_MS = 1_000;
const COMMITTED: ReadonlySet<string> = new Set(['PrepareCommit', 'CompleteCommit']);
const ABORTED: ReadonlySet<string> = new Set(['PrepareAbort', 'CompleteAbort']);

/** The producer's session in which nothing has been begun since the transaction that ended so. */
interface Known {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly outcome: TransactionOutcome;
}

/**
 * How the last transaction of each transactional id ended. The coordinator tells it until the id is fenced. That answer
 * holds over a fencing only if nothing that changes it can have happened between the description and the fencing.
 *
 * Between the two a former owner may still be at work, in the epoch that was described: a fencing cannot be made to depend
 * on the state, only to answer with the next epoch. So the rule rests on which ends of a transaction keep the epoch.
 *
 * - A commit keeps it. If the described outcome is a commit, one more changes nothing.
 * - Every abort raises it: the coordinator's for age, that of a fencing, and that of a producer that gives its own
 *   transaction up, which fences itself (`KafkaTransactionalProducer.discard`) instead of ending the transaction. So after
 *   `CompleteCommit` of epoch e, a fencing that gives e + 1 proves that no transaction was aborted in between.
 * - Nobody begins a transaction in an epoch in which one was aborted: a fencing gives that epoch to nobody, and a producer
 *   that has repeated an end is discarded. So `CompleteAbort` stays what it is.
 * - A transaction that is open when the fencing comes is aborted, and the id described again before the next attempt.
 * - What is prepared is decided, in the epoch in which it completes. Fencing is refused until it has, but that may happen
 *   between the description and the fencing: then `Prepare...` is the last that the coordinator has told of it.
 *
 * An id that is `Empty` was fenced, and nothing begun since. It tells no outcome, so the known one must be of the epoch
 * itself (ours, whose producer is gone) or of the one before, with the fencing between them an attempt of ours whose answer
 * was lost. Another instance's fencing looks the same, and its owner may begin and commit at once. The transaction
 * time-out, which a fencing sets, tells them apart: each process asks for one of its own (`ownTimeout`).
 *
 * Releases before this rule abort by EndTxn, which keeps the epoch. One that does so within the milliseconds between
 * description and fencing is taken for a commit, which counts only if brokers leave that abort open too.
 */
export class LastOutcomes {
  readonly #known = new Map<string, Known>();
  readonly #producerIds = new Map<string, Set<bigint>>();

  /** @param timeoutMs the transaction time-out that this process, and hardly another, fences with */
  constructor(private readonly timeoutMs: number) {}

  /** @param before what the coordinator says ahead of an attempt at fencing */
  note(transactionalId: string, before: DescribedTransaction): void {
    const { producerId, producerEpoch } = before;
    if (before.errorCode === NO_ERROR) this.#idsOf(transactionalId).add(producerId);
    const outcome = outcomeOf(before) ?? this.#stillOf(transactionalId, before);
    if (outcome === null) this.#known.delete(transactionalId);
    else this.#known.set(transactionalId, { producerId, producerEpoch, outcome });
  }

  /**
   * @param session what fencing has given
   * @returns null where it is not known: a former owner was still at work between the description and the fencing too
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

  /**
   * The producer ids that the transactional id has had, as far as this process knows. Brokers give a new one when the epochs
   * of the former are used up, or after `transactional.id.expiration.ms` without a transaction. What the former has left open
   * is of the transactional id still.
   */
  producerIds(transactionalId: string): ReadonlySet<bigint> {
    return this.#idsOf(transactionalId);
  }

  #idsOf(transactionalId: string): Set<bigint> {
    const ids = this.#producerIds.get(transactionalId) ?? new Set();
    this.#producerIds.set(transactionalId, ids);
    return ids;
  }

  /** An attempt of ours at fencing may have been carried out, and its answer been lost. */
  #stillOf(transactionalId: string, before: DescribedTransaction): TransactionOutcome | null {
    const known = this.#known.get(transactionalId);
    if (known === undefined || before.state !== 'Empty' || before.producerId !== known.producerId) return null;
    const fencings = before.producerEpoch - known.producerEpoch;
    const isOurs = fencings === 0 || (fencings === 1 && before.timeoutMs === this.timeoutMs);
    return isOurs ? known.outcome : null;
  }
}

/** An open transaction is ended by the fencing: then it is asked for again. */
function outcomeOf({ errorCode, state }: DescribedTransaction): TransactionOutcome | null {
  if (errorCode !== NO_ERROR) return null;
  if (COMMITTED.has(state)) return 'commit';
  return ABORTED.has(state) ? 'abort' : null;
}

/** Up to a second shorter than the one given, by chance: `LastOutcomes` recognises its own fencings by it. */
export function ownTimeout(timeoutMs: number): number {
  return timeoutMs - randomInt(TIMEOUT_SPREAD_MS);
}
