/** Writes the markers of a transaction that is decided to all its partitions. */
import type { Broker } from '../broker.js';
import {
  INVALID_PRODUCER_EPOCH,
  NOT_LEADER_OR_FOLLOWER,
  NO_ERROR,
  TRANSACTION_COORDINATOR_FENCED,
} from '../error-codes.js';
import { NO_LEADER } from '../image.js';
import { markerBatch, type BatchProducer, type Marker } from '../log/batch.js';
import type { TransactionState } from './transitions.js';

type TransactionPartition = TransactionState['partitions'][number];

const RETRY_MS = 100;
/** Another attempt cannot help: a later transaction or coordinator has taken over. */
const FINAL: readonly number[] = [NO_ERROR, INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED];

export class MarkerSender {
  constructor(private readonly broker: Broker) {}

  /**
   * @param isCurrent whether the markers are still wanted from this coordinator
   * @param done called when all partitions have their marker
   */
  send(state: TransactionState, coordinatorEpoch: number, isCurrent: () => boolean, done: () => void): void {
    const producer = { producerId: BigInt(state.producerId), producerEpoch: state.epoch };
    const marker = { isCommit: state.phase === 'PrepareCommit', coordinatorEpoch };
    let left = state.partitions.length;
    const finish = (): void => {
      if (--left <= 0) done();
    };
    const attempt = (partition: TransactionPartition): void => {
      if (!isCurrent() || !this.broker.isUp) return;
      this.#attempt(partition, producer, marker, (errorCode) => {
        if (FINAL.includes(errorCode)) finish();
        else this.broker.world.time.after(RETRY_MS, () => attempt(partition));
      });
    };
    this.broker.world.soon('markers', () => {
      if (left === 0) finish();
      else for (const partition of state.partitions) attempt(partition);
    });
  }

  /**
   * Kafka 4.3 treats a partition without a leader as deleted, and skips its marker.
   */
  #attempt(
    { topic, partition }: TransactionPartition,
    producer: BatchProducer,
    marker: Marker,
    done: (errorCode: number) => void,
  ): void {
    const leaderId = this.broker.view.topics.get(topic)?.partitions[partition]?.leader ?? NO_LEADER;
    if (leaderId === NO_LEADER) return done(NO_ERROR);
    const leader = this.broker.world.broker(leaderId);
    if (leader === undefined || !this.broker.world.connects(this.broker, leader)) return done(NOT_LEADER_OR_FOLLOWER);
    writeMarker(leader, topic, partition, producer, marker, done);
  }
}

/** The leader appends the marker, and answers when all in-sync replicas have it. */
function writeMarker(
  leader: Broker,
  topic: string,
  partition: number,
  producer: BatchProducer,
  marker: Marker,
  done: (errorCode: number) => void,
): void {
  const replica = leader.leaderReplica(topic, partition);
  if (typeof replica === 'number') return done(replica);
  const batch = markerBatch(marker, producer, leader.world.time.now());
  const fault = replica.log.producers.check(batch);
  if (fault !== NO_ERROR) return done(fault);
  const { lastOffset, leaderEpoch } = replica.append(batch);
  leader.replication.schedule(leader, replica);
  replica.wait(() => {
    const isLost = !replica.isLeader || replica.state.leaderEpoch !== leaderEpoch;
    if (isLost || replica.highWatermark > lastOffset) {
      done(isLost ? NOT_LEADER_OR_FOLLOWER : NO_ERROR);
      return true;
    }
    return false;
  });
}
