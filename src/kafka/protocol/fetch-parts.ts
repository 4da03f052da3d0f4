/**
 * Fetch without a fetch session: our own request and answer on kafkajs's connections.
 *
 * Version 13 (Kafka 3.1) names topics by their ids. A leader refuses the id of a deleted topic, even if another topic
 * has its name now. Version 13 is in `fetch-by-id.ts`. For older brokers, and for topics without an id, we use version
 * 10, which names topics by their names.
 *
 * We do not use version 11: from 11 on, a leader may send a client to a nearby follower (KIP-392), and such an answer
 * has no records. With version 10 the leader always answers itself.
 */
import { protocolCall, type ProtocolCall } from './protocol-call.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface PartitionToFetch {
  readonly topic: string;
  /** Null if it is unknown, or if the brokers have no topic ids. */
  readonly topicId: string | null;
  readonly partition: number;
  readonly fromOffset: number;
  /**
   * The epoch of the leader that is asked. A broker refuses if it does not know this epoch yet, or if it knows a later
   * one.
   */
  readonly leaderEpoch: number;
}

export interface FetchLimits {
  /** How long the broker waits for the first byte, in milliseconds. */
  readonly maxWaitMs: number;
  /**
   * The most bytes of one partition's records. If the first batch is larger, the broker sends it whole anyway (KIP-74).
   */
  readonly maxPartitionBytes: number;
  /** The most bytes of the whole answer, with the same exception. */
  readonly maxBytes: number;
}

/** An aborted transaction that is wholly or partly within the fetched records. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** All transactions below this offset are decided. -1 if there is an error. */
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches. The last one may be cut off. A slice of the whole answer, not a copy. */
  readonly records: Buffer;
}

export interface FetchResponse {
  readonly clientSideThrottleTime: number;
  /** The error of the whole request. */
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export const API_KEY = 1;
const API_VERSION = 10;
export const NO_REPLICA = -1;
const MIN_BYTES = 1;
const READ_COMMITTED = 1;
const NO_SESSION = 0;
const SESSIONLESS_EPOCH = -1;
export const NO_LOG_START = -1;
const FIXED_REQUEST_BYTES = 64;
const PARTITION_REQUEST_BYTES = 64;

/** A Fetch by topic name. @param partitions in the order in which the broker fills the answer */
export function fetchCall(partitions: readonly PartitionToFetch[], limits: FetchLimits): ProtocolCall<FetchResponse> {
  return fetchCallOf(API_VERSION, encodeRequest(partitions, limits), decodeResponse);
}

/** A Fetch of any version. */
export function fetchCallOf<T extends FetchResponse>(
  apiVersion: number,
  request: Buffer,
  decode: (body: Buffer) => T,
): ProtocolCall<T> {
  return protocolCall(API_KEY, 'Fetch', apiVersion, request, decode);
}

export function requestWriter(partitions: number): WireWriter {
  return new WireWriter(FIXED_REQUEST_BYTES + PARTITION_REQUEST_BYTES * partitions);
}

/** The fields before the partitions, which are the same in all versions. */
export function writeLimits(writer: WireWriter, limits: FetchLimits): WireWriter {
  return writer
    .int32(NO_REPLICA)
    .int32(limits.maxWaitMs)
    .int32(MIN_BYTES)
    .int32(limits.maxBytes)
    .int8(READ_COMMITTED)
    .int32(NO_SESSION)
    .int32(SESSIONLESS_EPOCH);
}

function encodeRequest(partitions: readonly PartitionToFetch[], limits: FetchLimits): Buffer {
  const writer = writeLimits(requestWriter(partitions.length), limits)
    // One entry for each partition, with the topic repeated: only this keeps any order of partitions.
    .int32(partitions.length);
  for (const { topic, partition, fromOffset, leaderEpoch } of partitions)
    writer
      .string(topic)
      .int32(1)
      .int32(partition)
      .int32(leaderEpoch)
      .int64(fromOffset)
      .int64(NO_LOG_START)
      .int32(limits.maxPartitionBytes);
  const forgottenTopics = 0;
  return writer.int32(forgottenTopics).finish();
}

export function decodeResponse(body: Buffer): FetchResponse {
  const reader = new WireReader(body);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id
  const partitions: FetchedPartition[] = [];
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => partitions.push(readPartition(reader, topic)));
  });
  return { clientSideThrottleTime, errorCode, partitions };
}

function readPartition(reader: WireReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.safeInt64(); // high watermark
  const lastStableOffset = reader.safeInt64();
  reader.safeInt64(); // log start offset
  const abortedTransactions = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.safeInt64() }));
  return { topic, partition, errorCode, lastStableOffset, abortedTransactions, records: reader.byteArray() };
}
