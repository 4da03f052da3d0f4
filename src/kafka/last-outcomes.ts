import type { TransactionOutcome } from '../pipeline/ports.js';
import type { DescribedTransaction } from './describe-transaction.js';
import { NO_ERROR } from './protocol-errors.js';

/** The producer's session in which nothing has been begun since the transaction that ended so. */
interface Known {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly outcome: TransactionOutcome;
}

/**
 * How the last transaction of each transactional id ended. The coordinator tells it until the id is fenced; what it told
 * holds over fencings, for as long as the epochs show that nothing was begun in between.
 */
export class LastOutcomes {
  readonly #known = new Map<string, Known>();

  /** @param before what the coordinator says ahead of an attempt at fencing */
  note(transactionalId: string, before: DescribedTransaction): void {
    const { producerId, producerEpoch } = before;
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
    if (known === undefined || session.producerId !== known.producerId) return null;
    if (session.producerEpoch !== known.producerEpoch + 1) return null;
    this.#known.set(transactionalId, { ...known, producerEpoch: session.producerEpoch });
    return known.outcome;
  }

  /** An attempt at fencing may have been carried out, and its answer been lost. */
  #stillOf(transactionalId: string, before: DescribedTransaction): TransactionOutcome | null {
    const known = this.#known.get(transactionalId);
    if (known === undefined || before.state !== 'Empty' || before.producerId !== known.producerId) return null;
    const fencings = before.producerEpoch - known.producerEpoch;
    return fencings === 0 || fencings === 1 ? known.outcome : null;
  }
}

/** One that is not over yet, fencing ends: then it is asked for again. */
function outcomeOf({ errorCode, state }: DescribedTransaction): TransactionOutcome | null {
  if (errorCode !== NO_ERROR) return null;
  if (state === 'CompleteCommit') return 'commit';
  return state === 'CompleteAbort' ? 'abort' : null;
}
