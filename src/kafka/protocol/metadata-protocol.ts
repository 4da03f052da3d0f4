/**
 * Metadata of one topic: the leaders of its partitions, their leader epochs, and the topic's id.
 *
 * Version 10 (Kafka 2.8) has topic ids. Older brokers get version 7 (Kafka 2.1), which has only epochs.
 * Our own encoding, because kafkajs refuses the whole answer if one partition has no leader. Then no reader could learn
 * the leaders of the other partitions.
 */
import { protocolCall, type ConnectedBroker, type ProtocolCall } from './protocol-call.js';
import { ERROR_CODES } from './protocol-errors.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface PartitionLeader {
  /** -1 if the partition has no leader now. */
  readonly nodeId: number;
  /** Grows with each change of leader; -1 if the broker does not report it. */
  readonly epoch: number;
}

export interface TopicMetadata {
  readonly clientSideThrottleTime: number;
  /** Addresses (host:port) of the brokers that are up. */
  readonly brokers: ReadonlyMap<number, string>;
  readonly errorCode: number;
  /**
   * 32 hexadecimal digits. A topic that is deleted and created again gets another id. Null for brokers without topic
   * ids.
   */
  readonly topicId: string | null;
  readonly leaders: ReadonlyMap<number, PartitionLeader>;
}

const API_KEY = 3;
const WITH_EPOCHS = 7;
const WITH_TOPIC_IDS = 10;
const FIXED_REQUEST_BYTES = 64;

/** Asks one broker, whose answer may be old. @throws what kafkajs throws if it does not answer */
export function metadataOf({ versions, connectionPool }: ConnectedBroker, topic: string): Promise<TopicMetadata> {
  const newest = versions?.[API_KEY]?.maxVersion ?? WITH_EPOCHS;
  return connectionPool.send(newest >= WITH_TOPIC_IDS ? callWithTopicIds(topic) : callWithEpochs(topic));
}

/** The addresses of the cluster's brokers, by node id. @throws as `metadataOf` */
export async function brokersKnownTo({ connectionPool }: ConnectedBroker): Promise<ReadonlyMap<number, string>> {
  const noTopics = new WireWriter(FIXED_REQUEST_BYTES).int32(0).int8(0 /* no creation */).finish();
  return (await connectionPool.send(protocolCall(API_KEY, 'Metadata', WITH_EPOCHS, noTopics, decodeWithEpochs)))
    .brokers;
}

function callWithTopicIds(topic: string): ProtocolCall<TopicMetadata> {
  const request = new WireWriter(FIXED_REQUEST_BYTES)
    .noTags() // of the request's header
    .uvarint(1 + 1)
    .uuid(null)
    .compactString(topic)
    .noTags()
    .int8(0 /* no creation */)
    .int8(0 /* no operations of the cluster */)
    .int8(0 /* no operations of the topic */)
    .noTags()
    .finish();
  return protocolCall(API_KEY, 'Metadata', WITH_TOPIC_IDS, request, decodeWithTopicIds);
}

function callWithEpochs(topic: string): ProtocolCall<TopicMetadata> {
  const request = new WireWriter(FIXED_REQUEST_BYTES).int32(1).string(topic).int8(0 /* no creation */).finish();
  return protocolCall(API_KEY, 'Metadata', WITH_EPOCHS, request, decodeWithEpochs);
}

function decodeWithTopicIds(body: Buffer): TopicMetadata {
  const reader = new WireReader(body);
  reader.tags(); // of the answer's header
  reader.int32(); // throttle time, which the broker has waited already
  const brokers = new Map<number, string>();
  reader.compactArray(() => {
    const nodeId = reader.int32();
    const host = reader.compactString();
    brokers.set(nodeId, `${host}:${reader.int32()}`);
    reader.compactString(); // rack
    reader.tags();
  });
  reader.compactString(); // cluster id
  reader.int32(); // controller

  let errorCode: number = ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION;
  let topicId: string | null = null;
  const leaders = new Map<number, PartitionLeader>();
  reader.compactArray(() => {
    errorCode = reader.int16();
    reader.compactString(); // name
    topicId = reader.uuid();
    reader.boolean(); // internal
    reader.compactArray(() => {
      reader.int16(); // error code: a replica is offline, or the partition has no leader (-1)
      leaders.set(reader.int32(), { nodeId: reader.int32(), epoch: reader.int32() });
      for (let lists = 0; lists < 3; lists++) reader.compactArray(() => reader.int32()); // replicas, in sync, offline
      reader.tags();
    });
    reader.int32(); // operations
    reader.tags();
  });
  return { clientSideThrottleTime: 0, brokers, errorCode, topicId, leaders };
}

function decodeWithEpochs(body: Buffer): TopicMetadata {
  const reader = new WireReader(body);
  reader.int32(); // throttle time, which the broker has waited already
  const brokers = new Map<number, string>();
  reader.array(() => {
    const nodeId = reader.int32();
    const host = reader.string();
    brokers.set(nodeId, `${host}:${reader.int32()}`);
    reader.string(); // rack
  });
  reader.string(); // cluster id
  reader.int32(); // controller

  let errorCode: number = ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION;
  const leaders = new Map<number, PartitionLeader>();
  reader.array(() => {
    errorCode = reader.int16();
    reader.string(); // name
    reader.boolean(); // internal
    reader.array(() => {
      reader.int16(); // error code: a replica is offline, or the partition has no leader (-1)
      leaders.set(reader.int32(), { nodeId: reader.int32(), epoch: reader.int32() });
      for (let lists = 0; lists < 3; lists++) reader.array(() => reader.int32()); // replicas, in sync, offline
    });
  });
  return { clientSideThrottleTime: 0, brokers, errorCode, topicId: null, leaders };
}
