/** What a log knows of its producers: sequence numbers, open transactions and aborted ones. */
import {
  INVALID_PRODUCER_EPOCH,
  NO_ERROR,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  TRANSACTION_COORDINATOR_FENCED,
} from '../error-codes.js';
import type { Batch, StoredBatch } from './batch.js';

export interface ProducerState {
  readonly producerId: bigint;
  epoch: number;
  /** The last batches, for answers to repeated requests. */
  recent: readonly StoredBatch[];
  /** Null if no transaction is open. */
  transactionStart: number | null;
  coordinatorEpoch: number;
  lastTimestamp: number;
}

/** A transaction with a marker in this log. */
interface EndedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
  readonly markerOffset: number;
}

const KEPT_BATCHES = 5;
const SEQUENCE_NUMBERS = 2 ** 31;
const NO_PRODUCER_ID = -1n;

export class ProducerStates {
  readonly #states = new Map<bigint, ProducerState>();
  /** Those whose marker may be above the high watermark. */
  #ended: EndedTransaction[] = [];
  readonly #aborted: EndedTransaction[] = [];

  get all(): readonly ProducerState[] {
    return [...this.#states.values()];
  }

  /** Whether this epoch of the producer has a transaction open in this log. */
  hasOpen({ producerId, producerEpoch }: Batch): boolean {
    const state = this.#states.get(producerId);
    return state !== undefined && state.epoch === producerEpoch && state.transactionStart !== null;
  }

  /** The stored batch that this one repeats. */
  duplicateOf(batch: Batch): StoredBatch | undefined {
    const state = this.#states.get(batch.producerId);
    if (state?.epoch !== batch.producerEpoch) return undefined;
    return state.recent.find(({ baseSequence, count }) => baseSequence === batch.baseSequence && count === batch.count);
  }

  /** @returns an error code */
  check(batch: Batch): number {
    const state = this.#states.get(batch.producerId);
    if (batch.producerId === NO_PRODUCER_ID || state === undefined) return NO_ERROR;
    if (batch.producerEpoch < state.epoch) return INVALID_PRODUCER_EPOCH;
    if (batch.marker !== null)
      return batch.marker.coordinatorEpoch < state.coordinatorEpoch ? TRANSACTION_COORDINATOR_FENCED : NO_ERROR;
    if (batch.baseSequence < 0) return NO_ERROR;
    const last = batch.producerEpoch > state.epoch ? undefined : state.recent.at(-1);
    const isNewSession = batch.producerEpoch > state.epoch || last === undefined;
    const expected = last === undefined ? 0 : (last.baseSequence + last.count) % SEQUENCE_NUMBERS;
    return batch.baseSequence === expected || (isNewSession && batch.baseSequence === 0)
      ? NO_ERROR
      : OUT_OF_ORDER_SEQUENCE_NUMBER;
  }

  add(batch: StoredBatch): void {
    if (batch.producerId === NO_PRODUCER_ID) return;
    const state = this.#stateOf(batch);
    if (batch.producerEpoch > state.epoch) state.recent = [];
    state.epoch = batch.producerEpoch;
    state.lastTimestamp = batch.maxTimestamp;
    if (batch.marker !== null) this.#end(state, batch, batch.marker);
    else {
      if (batch.baseSequence >= 0) state.recent = [...state.recent, batch].slice(-KEPT_BATCHES);
      if (batch.isTransactional) state.transactionStart ??= batch.baseOffset;
    }
  }

  /** All transactions below this offset are decided, and their markers are below the high watermark. */
  lastStableOffset(highWatermark: number): number {
    const open = this.all.flatMap(({ transactionStart }) => transactionStart ?? []);
    this.#ended = this.#ended.filter(({ markerOffset }) => markerOffset >= highWatermark);
    return Math.min(highWatermark, ...open, ...this.#ended.map(({ firstOffset }) => firstOffset));
  }

  /** Aborted transactions that overlap these offsets, in the order of their markers. */
  abortedWithin(from: number, to: number): { readonly producerId: bigint; readonly firstOffset: number }[] {
    return this.#aborted
      .filter(({ firstOffset, markerOffset }) => markerOffset >= from && firstOffset < to)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }

  #end(state: ProducerState, { baseOffset: markerOffset }: StoredBatch, marker: NonNullable<Batch['marker']>): void {
    state.coordinatorEpoch = marker.coordinatorEpoch;
    if (state.transactionStart === null) return;
    const ended = { producerId: state.producerId, firstOffset: state.transactionStart, markerOffset };
    this.#ended.push(ended);
    if (!marker.isCommit) this.#aborted.push(ended);
    state.transactionStart = null;
  }

  #stateOf({ producerId, producerEpoch }: StoredBatch): ProducerState {
    const known = this.#states.get(producerId);
    if (known !== undefined) return known;
    const state: ProducerState = {
      producerId,
      epoch: producerEpoch,
      recent: [],
      transactionStart: null,
      coordinatorEpoch: -1,
      lastTimestamp: -1,
    };
    this.#states.set(producerId, state);
    return state;
  }
}
