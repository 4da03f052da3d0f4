/**
 * A coordinator's state for one partition of an internal topic. The state is what the committed batches of the
 * partition say: a new leader of the partition loads them, and a leader that is cut off sees no new ones.
 */
import type { Broker } from './broker.js';
import { COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, NO_ERROR } from './error-codes.js';
import { stateBatch, type BatchProducer, type StoredBatch } from './log/batch.js';
import type { Replica } from './log/replica.js';

const WRITE_TIMEOUT_MS = 5_000;

export class StateShard {
  /** The epoch of the coordinator. */
  readonly epoch: number;
  #isStopped = false;
  #isLoaded = false;
  #appliedTo = 0;
  readonly #loadTo: number;
  /** By the offset of the batch. */
  readonly #writes = new Map<number, (errorCode: number) => void>();

  /** @param apply called for each committed batch in the order of the log */
  constructor(
    private readonly broker: Broker,
    readonly replica: Replica,
    private readonly apply: (batch: StoredBatch) => void,
  ) {
    this.epoch = replica.state.leaderEpoch;
    this.#loadTo = replica.log.end;
  }

  /** @param onLoaded called once, after all batches that the log has now were applied */
  start(onLoaded: () => void): void {
    this.replica.wait(() => {
      this.#advance();
      if (!this.#isLoaded && !this.#isStopped && this.#appliedTo >= this.#loadTo) {
        this.#isLoaded = true;
        onLoaded();
      }
      return this.#isStopped;
    });
  }

  /** Whether it has applied all batches that the log had at the start. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Appends a record.
   * @param producer with a producer, the record belongs to that producer's transaction
   * @param done called with an error code, when the record is committed and applied or cannot be committed in time
   */
  write(payload: unknown, producer: BatchProducer | null, done: (errorCode: number) => void): void {
    if (this.#isStopped) return done(NOT_COORDINATOR);
    if (this.replica.isUnderLeastInSync) return done(COORDINATOR_NOT_AVAILABLE);
    const { time } = this.broker.world;
    const batch = stateBatch(payload, time.now(), producer);
    const refused = this.replica.log.producers.check(batch);
    if (refused !== NO_ERROR) return done(refused);
    const { baseOffset } = this.replica.append(batch);
    const finish = (errorCode: number): void => {
      cancel();
      if (this.#writes.delete(baseOffset)) done(errorCode);
    };
    const cancel = time.after(WRITE_TIMEOUT_MS, () => finish(COORDINATOR_NOT_AVAILABLE));
    this.#writes.set(baseOffset, finish);
    this.broker.replication.schedule(this.broker, this.replica);
  }

  #advance(): void {
    const { isLeader, state, log, highWatermark } = this.replica;
    if (!isLeader || state.leaderEpoch !== this.epoch) {
      this.#isStopped = true;
      for (const finish of [...this.#writes.values()]) finish(NOT_COORDINATOR);
      return;
    }
    for (const batch of log.read(this.#appliedTo, highWatermark, Infinity)) {
      this.#appliedTo = batch.lastOffset + 1;
      this.apply(batch);
      this.#writes.get(batch.baseOffset)?.(NO_ERROR);
    }
  }
}
