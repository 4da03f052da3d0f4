/**
 * The states of a transactional id, and the legal transitions:
 *
 *     Empty -> Ongoing -> PrepareCommit -> CompleteCommit -> Ongoing or Empty (a new session)
 *                      -> PrepareAbort  -> CompleteAbort  -> Ongoing or Empty
 *
 * All functions are pure: they return the next state or an error code.
 */
import {
  CONCURRENT_TRANSACTIONS,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_TXN_STATE,
  PRODUCER_FENCED,
} from '../error-codes.js';

export type Phase = 'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort';

/** Plain data, because the coordinator writes it to its log as JSON. */
export interface TransactionState {
  readonly transactionalId: string;
  /** A bigint in decimal digits. */
  readonly producerId: string;
  readonly epoch: number;
  /** The epoch before the last fencing by the producer itself or by an abort of the coordinator; -1 otherwise. */
  readonly lastEpoch: number;
  readonly timeoutMs: number;
  readonly phase: Phase;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
  /** -1 if no transaction is open. */
  readonly startedAt: number;
}

export interface Session {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

const NO_ID = -1n;
const LAST_EPOCH = 0x7fff - 1;

export function isPrepared({ phase }: TransactionState): boolean {
  return phase === 'PrepareCommit' || phase === 'PrepareAbort';
}

/**
 * A new session of an id without an open transaction.
 * @param expected the producer's own id and epoch if it fences itself (KIP-360); NO_ID without
 */
export function newSession(
  state: TransactionState,
  timeoutMs: number,
  expected: Pick<Session, 'producerId' | 'producerEpoch'>,
  nextProducerId: () => bigint,
): TransactionState | number {
  const next: TransactionState = { ...state, phase: 'Empty', partitions: [], startedAt: -1, timeoutMs, lastEpoch: -1 };
  if (expected.producerId !== NO_ID) {
    if (state.producerId !== String(expected.producerId)) return PRODUCER_FENCED;
    // The answer to an earlier request was lost.
    if (state.lastEpoch === expected.producerEpoch) return { ...next, lastEpoch: state.lastEpoch };
    if (state.epoch !== expected.producerEpoch) return PRODUCER_FENCED;
  }
  if (state.epoch >= LAST_EPOCH) return { ...next, producerId: String(nextProducerId()), epoch: 0 };
  const lastEpoch = expected.producerId === NO_ID ? -1 : state.epoch;
  return { ...next, epoch: state.epoch + 1, lastEpoch };
}

/** The coordinator aborts an open transaction, and fences its producer. The producer may get the new epoch (KIP-588). */
export function fenced(state: TransactionState): TransactionState {
  return { ...state, epoch: state.epoch + 1, lastEpoch: state.epoch, phase: 'PrepareAbort' };
}

/** @param state undefined for an unknown id */
export function sessionFault(state: TransactionState | undefined, session: Session): number | null {
  if (state === undefined || state.producerId !== String(session.producerId)) return INVALID_PRODUCER_ID_MAPPING;
  return state.epoch === session.producerEpoch ? null : PRODUCER_FENCED;
}

/** @returns the same state if it has all these partitions */
export function withPartitions(
  state: TransactionState,
  partitions: TransactionState['partitions'],
  now: number,
): TransactionState | number {
  if (isPrepared(state)) return CONCURRENT_TRANSACTIONS;
  const known = state.phase === 'Ongoing' ? state.partitions : [];
  const added = partitions.filter((partition) => !hasPartition({ ...state, partitions: known }, partition));
  if (added.length === 0) return state;
  const startedAt = state.phase === 'Ongoing' ? state.startedAt : now;
  return { ...state, phase: 'Ongoing', startedAt, partitions: [...known, ...added], lastEpoch: -1 };
}

/** @returns the same state if the transaction has ended this way already */
export function ended(state: TransactionState, isCommit: boolean): TransactionState | number {
  switch (state.phase) {
    case 'Ongoing':
      return { ...state, phase: isCommit ? 'PrepareCommit' : 'PrepareAbort' };
    case 'PrepareCommit':
      return isCommit ? CONCURRENT_TRANSACTIONS : INVALID_TXN_STATE;
    case 'PrepareAbort':
      return isCommit ? INVALID_TXN_STATE : CONCURRENT_TRANSACTIONS;
    case 'CompleteCommit':
      return isCommit ? state : INVALID_TXN_STATE;
    case 'CompleteAbort':
      return isCommit ? INVALID_TXN_STATE : state;
    case 'Empty':
      return INVALID_TXN_STATE;
  }
}

/** All markers are written. */
export function completed(state: TransactionState): TransactionState {
  const phase = state.phase === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort';
  return { ...state, phase, partitions: [], startedAt: -1 };
}

export function hasPartition(
  { partitions }: Pick<TransactionState, 'partitions'>,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): boolean {
  return partitions.some((each) => each.topic === topic && each.partition === partition);
}
