/** One broker's copy of a partition: its log, its high watermark, and whether the broker believes to be the leader. */
import { leastInSync, type PartitionState, type TopicState } from '../image.js';
import type { Batch, StoredBatch } from './batch.js';
import { ReplicaLog } from './replica-log.js';

/** Looks whether it can finish, after each change of the replica. @returns whether it has finished */
export type Waiter = () => boolean;

export class Replica {
  readonly log = new ReplicaLog();
  highWatermark = 0;
  /** The end of each follower's log, as far as this leader knows. */
  readonly followerEnds = new Map<number, number>();
  isDeleted = false;
  /** The end of the log when this leader began to lead. */
  #leadsFrom = 0;
  #waiters: Waiter[] = [];
  #isNotifying = false;
  #hasChanged = false;
  #topic: TopicState;
  #state: PartitionState;

  constructor(
    private readonly brokerId: number,
    topic: TopicState,
    partition: number,
  ) {
    this.#topic = topic;
    this.#state = { ...topic.partitions[partition]!, leader: -1, leaderEpoch: -1 };
  }

  get topic(): TopicState {
    return this.#topic;
  }

  get state(): PartitionState {
    return this.#state;
  }

  get isLeader(): boolean {
    return !this.isDeleted && this.#state.leader === this.brokerId;
  }

  /** A new leader may know an old high watermark. It learns the true one when the in-sync replicas have its log. */
  get knowsHighWatermark(): boolean {
    return this.highWatermark >= this.#leadsFrom;
  }

  get lastStableOffset(): number {
    return this.log.producers.lastStableOffset(this.highWatermark);
  }

  get isUnderLeastInSync(): boolean {
    return this.#state.inSync.length < leastInSync(this.#topic, this.#state);
  }

  /** Takes over what the broker has learnt of the partition. @returns whether the leadership has changed */
  apply(topic: TopicState, state: PartitionState): boolean {
    const before = this.#state;
    this.#topic = topic;
    this.#state = state;
    const isNewEpoch = state.leaderEpoch !== before.leaderEpoch;
    if (isNewEpoch && this.isLeader) {
      this.followerEnds.clear();
      this.log.beginEpoch(state.leaderEpoch);
      this.#leadsFrom = this.log.end;
    }
    this.advance();
    this.changed();
    return isNewEpoch;
  }

  append(batch: Batch): StoredBatch {
    return this.log.append(batch, this.#state.leaderEpoch);
  }

  /** Moves the high watermark to what all in-sync replicas have. @returns whether it moved */
  advance(): boolean {
    if (!this.isLeader || this.isUnderLeastInSync) return false;
    const others = this.#state.inSync.filter((id) => id !== this.brokerId);
    const ends = others.map((id) => this.followerEnds.get(id) ?? 0);
    const reached = Math.min(this.log.end, ...ends);
    if (reached <= this.highWatermark) return false;
    this.highWatermark = reached;
    this.changed();
    return true;
  }

  /** Calls the waiter now and after each change, until it has finished. @returns forgets the waiter */
  wait(waiter: Waiter): () => void {
    if (!waiter()) this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
    };
  }

  /** A waiter may change the replica again, so this repeats until nothing changes. */
  changed(): void {
    this.#hasChanged = true;
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    while (this.#hasChanged) {
      this.#hasChanged = false;
      const waiters = this.#waiters;
      this.#waiters = [];
      const left = waiters.filter((waiter) => !waiter());
      this.#waiters = [...left, ...this.#waiters];
    }
    this.#isNotifying = false;
  }
}
