/**
 * Fetch, version 13 (Kafka 3.1): topics are named by their ids. Nearly every deployment uses this version. `fetchFrom`
 * chooses the version for each leader; version 10 is in `fetch-by-name.ts`.
 *
 *     request replica id, longest wait, least bytes, most bytes, isolation level, session id, session epoch, [topic],
 *                forgotten topics, rack
 *     topic      topic id, [partition, leader epoch, offset, last fetched epoch, log start, most bytes]
 *     answer     throttle time, error code, session id, [topic id, [partition]]
 *     partition  number, error code, high watermark, last stable offset, log start, [aborted transaction],
 *                preferred replica, records
 */
import type { ConnectedBroker, ProtocolCall } from './protocol-call.js';
import { fetchByNameCall } from './fetch-by-name.js';
import {
  API_KEY,
  fetchCallOf,
  MAX_ANSWER_ITEMS,
  NO_LOG_START,
  NO_REPLICA,
  requestWriter,
  writeLimits,
  type FetchedPartition,
  type FetchLimits,
  type FetchResponse,
  type PartitionToFetch,
} from './fetch-shared.js';
import { WireReader } from './wire-format.js';

interface PartitionById extends PartitionToFetch {
  readonly topicId: string;
}

interface FetchByIdResponse extends FetchResponse {
  /** Whether the leader refers the client to another replica, which needs a custom `replica.selector.class`. */
  readonly isRedirected: boolean;
}

const API_VERSION = 13;
const NO_FETCHED_EPOCH = -1;
/** Empty: with a rack, a leader would refer the client to a follower in that rack. */
const NO_RACK = '';

function canFetchById({ versions }: Pick<ConnectedBroker, 'versions'>): boolean {
  return (versions?.[API_KEY]?.maxVersion ?? 0) >= API_VERSION;
}

/**
 * Asks one leader.
 * @param partitions in the order in which the broker fills the answer
 * @throws what kafkajs throws if it does not answer
 */
export async function fetchFrom(
  broker: ConnectedBroker,
  partitions: readonly PartitionToFetch[],
  limits: FetchLimits,
): Promise<FetchResponse> {
  if (canFetchById(broker) && partitions.every(hasId)) {
    const response = await broker.connectionPool.send(fetchByIdCall(partitions, limits));
    if (!response.isRedirected) return response;
  }
  return broker.connectionPool.send(fetchByNameCall(partitions, limits));
}

function hasId(partition: PartitionToFetch): partition is PartitionById {
  return partition.topicId !== null;
}

function fetchByIdCall(partitions: readonly PartitionById[], limits: FetchLimits): ProtocolCall<FetchByIdResponse> {
  const names = new Map(partitions.map(({ topic, topicId }) => [topicId, topic]));
  return fetchCallOf(API_VERSION, encodeRequest(partitions, limits), limits, (body) => decodeResponse(body, names));
}

function encodeRequest(partitions: readonly PartitionById[], limits: FetchLimits): Buffer {
  const ofHeader = requestWriter(partitions.length).noTags();
  const writer = writeLimits(ofHeader, limits)
    // The broker fills the answer in the order of these entries. With one entry for each topic, partitions of
    // different topics could not be in the caller's order.
    .uvarint(partitions.length + 1);
  for (const { topicId, partition, fromOffset, leaderEpoch } of partitions)
    writer
      .uuid(topicId)
      .uvarint(1 + 1)
      .int32(partition)
      .int32(leaderEpoch)
      .int64(fromOffset)
      .int32(NO_FETCHED_EPOCH)
      .int64(NO_LOG_START)
      .int32(limits.maxPartitionBytes)
      .noTags()
      .noTags();
  const forgottenTopics = 0;
  return writer
    .uvarint(forgottenTopics + 1)
    .compactString(NO_RACK)
    .noTags()
    .finish();
}

/** @param names by topic id */
export function decodeResponse(body: Buffer, names: ReadonlyMap<string, string>): FetchByIdResponse {
  const reader = new WireReader(body, MAX_ANSWER_ITEMS);
  reader.tags(); // of the answer's header
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id
  let isRedirected = false;
  const partitions = reader
    .compactArray(() => {
      const topic = names.get(reader.uuid() ?? '') ?? '';
      const ofTopic = reader.compactArray(() => {
        const { preferredReplica, ...fetched } = readPartition(reader, topic);
        if (preferredReplica !== NO_REPLICA) isRedirected = true;
        return fetched;
      });
      reader.tags();
      return ofTopic;
    })
    .flat();
  return { clientSideThrottleTime, errorCode, partitions, isRedirected };
}

function readPartition(reader: WireReader, topic: string): FetchedPartition & { readonly preferredReplica: number } {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.safeInt64(); // high watermark
  const lastStableOffset = reader.safeInt64();
  reader.safeInt64(); // log start offset
  const abortedTransactions = reader.compactArray(() => {
    const aborted = { producerId: reader.int64(), firstOffset: reader.safeInt64() };
    reader.tags();
    return aborted;
  });
  const preferredReplica = reader.int32();
  const records = reader.compactBytes();
  reader.tags();
  return { topic, partition, errorCode, lastStableOffset, abortedTransactions, records, preferredReplica };
}
