/**
 * Fetch without a fetch session: our own request and answer on kafkajs's connections.
 *
 * Version 13 (Kafka 3.1) names topics by their ids: a leader refuses the id of a topic that was deleted, although another
 * topic has its name by now. It is in `fetch-by-id.ts`. Older brokers, and topics without an id, get version 10, by name.
 *
 * Version 10 rather than 11: from 11 on a client offers to be sent to a nearby follower (KIP-392), and a leader that does
 * so answers with no records. A client that never offers is always answered by the leader.
 */
import type { ProtocolCall } from './protocol-call.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface PartitionToFetch {
  readonly topic: string;
  /** Null if it is not known, or if the brokers have no topic ids. */
  readonly topicId: string | null;
  readonly partition: number;
  readonly fromOffset: number;
  /** Of the leader that is asked: one that knows no such epoch yet refuses, as does one that knows a later one. */
  readonly leaderEpoch: number;
}

export interface FetchLimits {
  /** How long the broker waits for the first byte, in milliseconds. */
  readonly maxWaitMs: number;
  /** Of one partition's records; a first batch that is larger comes whole anyway (KIP-74). */
  readonly maxPartitionBytes: number;
  /** Of the whole answer, under the same exception. */
  readonly maxBytes: number;
}

/** A transaction that was aborted, wholly or partly within the records fetched. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** All below is decided; -1 with an error. */
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches, the last one perhaps cut off. A slice of the whole answer. */
  readonly records: Buffer;
}

export interface FetchResponse {
  readonly clientSideThrottleTime: number;
  /** Of the request as a whole. */
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

/** By topic name. @param partitions in the order in which the broker fills the answer */
export function fetchCall(partitions: readonly PartitionToFetch[], limits: FetchLimits): ProtocolCall<FetchResponse> {
  return fetchCallOf(API_VERSION, encodeRequest(partitions, limits), decodeResponse);
}

/** A Fetch of any version. */
export function fetchCallOf<T extends FetchResponse>(
  apiVersion: number,
  request: Buffer,
  decode: (body: Buffer) => T,
): ProtocolCall<T> {
  return {
    request: {
      apiKey: API_KEY,
      apiVersion,
      apiName: 'Fetch',
      encode: () => ({ buf: request, buffer: request }),
    },
    response: {
      // Promises because kafkajs wants them; the work itself is synchronous.
      decode: (body) => Promise.resolve(body).then(decode),
      parse: (decoded) => Promise.resolve(decoded),
    },
    logResponseError: false,
  };
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
    // One entry a partition, the topic repeated: only so does any order of partitions stay as it is.
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
