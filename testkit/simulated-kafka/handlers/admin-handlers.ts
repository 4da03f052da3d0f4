/** Requests that change topics. The broker asks the controller, which is possible only if it is not cut off. */
import type { Broker } from '../broker.js';
import {
  INVALID_PARTITIONS,
  INVALID_REPLICATION_FACTOR,
  INVALID_TOPIC,
  NO_ERROR,
  OFFSET_OUT_OF_RANGE,
  REQUEST_TIMED_OUT,
  TOPIC_ALREADY_EXISTS,
  UNKNOWN_TOPIC_OR_PARTITION,
} from '../error-codes.js';
import type { ValueOf } from '../wire/layout.js';
import { createPartitionsApi, createTopicsApi, deleteRecordsApi, deleteTopicsApi } from '../wire/admin-apis.js';
import { atOnce, forPartitions, handler, type Handler } from './handler.js';

interface Refusal {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const LEGAL_NAME = /^[a-zA-Z0-9._-]{1,249}$/;
const BY_DEFAULT = -1;
const TO_HIGH_WATERMARK = -1;
const DONE: Refusal = { errorCode: NO_ERROR, errorMessage: null };

/** Answers when the brokers have had the time to learn the change. */
function afterChange<T>(broker: Broker, answer: T, reply: (answer: T) => void): void {
  broker.world.time.after(broker.world.delays.metadata, () => reply(answer));
}

const createTopics = handler(createTopicsApi, ({ topics, validateOnly }, { broker }, reply) => {
  const created = topics.map((asked) => ({ topic: asked.topic, ...create(broker, asked, validateOnly) }));
  afterChange(broker, { throttleMs: 0, topics: created }, reply);
});

function create(
  { isCutOff, world: { controller } }: Broker,
  { topic, partitions, replication, assignments, settings }: ValueOf<typeof createTopicsApi.request>['topics'][number],
  validateOnly: boolean,
): Refusal {
  if (isCutOff) return { errorCode: REQUEST_TIMED_OUT, errorMessage: null };
  if (!LEGAL_NAME.test(topic)) return { errorCode: INVALID_TOPIC, errorMessage: `Illegal topic name '${topic}'` };
  if (controller.image.topics.has(topic))
    return { errorCode: TOPIC_ALREADY_EXISTS, errorMessage: `Topic '${topic}' already exists.` };
  const replicas = replication === BY_DEFAULT ? controller.defaultReplication : replication;
  const brokers = controller.image.brokers.size;
  if (replicas < 1 || replicas > brokers)
    return {
      errorCode: INVALID_REPLICATION_FACTOR,
      errorMessage: `Unable to replicate the partition ${replicas} time(s): The target replication factor of ${replicas} cannot be reached because only ${brokers} broker(s) are registered.`,
    };
  if (partitions === 0 || partitions < BY_DEFAULT)
    return { errorCode: INVALID_PARTITIONS, errorMessage: 'Number of partitions was set to an invalid value.' };
  const given = new Map(settings.map(({ name, value }) => [name, value ?? '']));
  const count = partitions === BY_DEFAULT ? 1 : partitions;
  const chosen = [...assignments].sort((a, b) => a.partition - b.partition).map(({ brokers: ids }) => ids);
  if (!validateOnly)
    controller.createTopic({ topic, partitions: count, replication: replicas, settings: given, assignments: chosen });
  return DONE;
}

const deleteTopics = handler(deleteTopicsApi, ({ topics }, { broker }, reply) => {
  const { controller } = broker.world;
  const deleted = topics.map((topic) => {
    if (broker.isCutOff) return { topic, errorCode: REQUEST_TIMED_OUT };
    if (!controller.image.topics.has(topic)) return { topic, errorCode: UNKNOWN_TOPIC_OR_PARTITION };
    controller.deleteTopic(topic);
    return { topic, errorCode: NO_ERROR };
  });
  afterChange(broker, { throttleMs: 0, topics: deleted }, reply);
});

const createPartitions = handler(createPartitionsApi, ({ topics, validateOnly }, { broker }, reply) => {
  const grown = topics.map(({ topic, count }) => ({ topic, ...grow(broker, topic, count, validateOnly) }));
  afterChange(broker, { throttleMs: 0, topics: grown }, reply);
});

function grow(
  { isCutOff, world: { controller } }: Broker,
  topic: string,
  count: number,
  validateOnly: boolean,
): Refusal {
  if (isCutOff) return { errorCode: REQUEST_TIMED_OUT, errorMessage: null };
  const state = controller.image.topics.get(topic);
  if (state === undefined) return { errorCode: UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null };
  const { length } = state.partitions;
  if (count <= length)
    return {
      errorCode: INVALID_PARTITIONS,
      errorMessage: `The topic ${topic} currently has ${length} partition(s); ${count} would not be an increase.`,
    };
  if (!validateOnly) controller.addPartitions(topic, count);
  return DONE;
}

const deleteRecords = handler(
  deleteRecordsApi,
  atOnce(({ topics }, { broker }) => ({
    throttleMs: 0,
    topics: forPartitions(topics, (topic, { partition, offset }) => {
      const replica = broker.leaderReplica(topic, partition);
      if (typeof replica === 'number') return { partition, lowWatermark: -1, errorCode: replica };
      const before = offset === TO_HIGH_WATERMARK ? replica.highWatermark : offset;
      if (before > replica.highWatermark) return { partition, lowWatermark: -1, errorCode: OFFSET_OUT_OF_RANGE };
      replica.log.deleteBefore(Math.max(before, replica.log.start));
      broker.replication.schedule(broker, replica);
      return { partition, lowWatermark: replica.log.start, errorCode: NO_ERROR };
    }),
  })),
);

export const ADMIN_HANDLERS: readonly Handler[] = [createTopics, deleteTopics, createPartitions, deleteRecords];
