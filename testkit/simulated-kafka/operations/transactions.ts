/** The end of a transaction that hangs, as `kafka-transactions.sh` writes it. */
import { HANGING_PRODUCER, markerBatch } from '../log/batch.js';
import type { World } from '../world.js';
import { topicOf } from './topics.js';

/** @returns whether nothing of it is open in the partition any more; false also without a leader */
export function endHanging(world: World, topic: string, partition: number, isCommit: boolean): boolean {
  const { topicId, partitions } = topicOf(world, topic);
  const leader = world.broker(partitions[partition]?.leader ?? -1);
  const replica = leader?.replicaOf(topicId, partition);
  if (leader === undefined || replica?.isLeader !== true || !leader.isUp || leader.isCutOff) return false;
  const { producerId } = HANGING_PRODUCER;
  const state = replica.log.producers.all.find((each) => each.producerId === producerId);
  if (state === undefined || state.transactionStart === null) return true;
  if (replica.isUnderLeastInSync) return false;
  replica.append(markerBatch({ isCommit, coordinatorEpoch: -1 }, HANGING_PRODUCER, world.time.now()));
  leader.replication.schedule(leader, replica);
  return true;
}
