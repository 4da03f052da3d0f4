/** What an operator does to a topic while clients use it. */
import type { Broker } from '../broker.js';
import type { TopicState } from '../image.js';
import type { Replica } from '../log/replica.js';
import type { World } from '../world.js';

/** The controller's state of a topic. @throws Error if the topic does not exist */
export function topicOf({ controller }: World, topic: string): TopicState {
  const state = controller.image.topics.get(topic);
  if (state === undefined) throw new Error(`the simulated cluster has no topic ${topic}`);
  return state;
}

/** Deletes a topic and creates it again with the same settings: it has a new id, and no records. */
export function recreateTopic(world: World, topic: string): void {
  const { settings, partitions } = topicOf(world, topic);
  world.controller.deleteTopic(topic);
  const replication = partitions[0]!.replicas.length;
  world.controller.createTopic({ topic, partitions: partitions.length, replication, settings });
}

export function changeSetting(world: World, topic: string, name: string, value: string): void {
  const settings = new Map(topicOf(world, topic).settings).set(name, value);
  world.controller.setSettings(topic, settings);
}

/** Deletes all records below an offset, as retention does. Not above the high watermark. */
export function deleteBefore(world: World, topic: string, partition: number, offset: number): void {
  for (const { log, highWatermark } of replicasOf(world, topic, partition)) {
    const before = Math.min(offset, highWatermark);
    if (before > log.start) log.deleteBefore(before);
  }
}

/** The replicas of a partition, in any order. */
export function replicasOf(world: World, topic: string, partition: number): Replica[] {
  const { topicId } = topicOf(world, topic);
  return brokersOf(world).flatMap((broker) => broker.replicaOf(topicId, partition) ?? []);
}

export function brokersOf(world: World): Broker[] {
  return [...world.controller.allBrokers].flatMap((id) => world.broker(id) ?? []);
}
