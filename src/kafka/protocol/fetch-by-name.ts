/**
 * Fetch, version 10: topics are named by their names. Used if `fetch-by-id.ts` cannot be: before Kafka 3.1, and for
 * topics without an id.
 *
 * We do not use version 11: from 11 on, a leader may refer a client to a nearby follower (KIP-392), and such an answer
 * has no records. With version 10 the leader always answers itself.
 *
 *     request    replica id, longest wait, least bytes, most bytes, isolation level, session id, session epoch, [topic],
 *                forgotten topics
 *     topic      name, [partition, leader epoch, offset, log start, most bytes]
 *     answer     throttle time, error code, session id, [name, [partition]]
 *     partition  number, error code, high watermark, last stable offset, log start, [aborted transaction], records
 */
import {
  API_KEY,
  fetchCallOf,
  HEAD_BYTES,
  MAX_ANSWER_ITEMS,
  NO_LOG_START,
  requestWriter,
  writeLimits,
  type FetchedPartition,
  type FetchLimits,
  type FetchResponse,
  type PartitionToFetch,
} from './fetch-shared.js';
import { protocolCall, type ProtocolCall } from './protocol-call.js';
import { WireReader } from './wire-format.js';

const API_VERSION = 10;

/** @param partitions in the order in which the broker fills the answer */
export function fetchByNameCall(
  partitions: readonly PartitionToFetch[],
  limits: FetchLimits,
): ProtocolCall<FetchResponse> {
  return fetchCallOf(API_VERSION, encodeRequest(partitions, limits), limits, decodeResponse);
}

function encodeRequest(partitions: readonly PartitionToFetch[], limits: FetchLimits): Buffer {
  const writer = writeLimits(requestWriter(partitions.length), limits)
    // The broker fills the answer in the order of these entries. With one entry for each topic, partitions of
    // different topics could not be in the caller's order.
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

/**
 * Fetches the header of the first batch at or after an offset: the bytes of the batch are not read, however many it has.
 * The records of the answer are cut off behind that header, or later. Use the connection for nothing else.
 */
export function fetchHeadCall(partition: PartitionToFetch): ProtocolCall<FetchResponse> {
  const request = encodeRequest([partition], { maxWaitMs: 0, maxPartitionBytes: 1, maxBytes: 1, maxBatchBytes: 0 });
  const call = protocolCall(API_KEY, 'Fetch', API_VERSION, request, (body) => decode(body, cutRecords));
  return { ...call, headSize: HEAD_BYTES };
}

type ReadRecords = (reader: WireReader) => Buffer;

const wholeRecords: ReadRecords = (reader) => reader.byteArray();
const cutRecords: ReadRecords = (reader) => reader.cutByteArray();

export function decodeResponse(body: Buffer): FetchResponse {
  return decode(body, wholeRecords);
}

function decode(body: Buffer, readRecords: ReadRecords): FetchResponse {
  const reader = new WireReader(body, MAX_ANSWER_ITEMS);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id
  const partitions: FetchedPartition[] = [];
  reader.array(() => {
    const topic = reader.string();
    reader.array(() => partitions.push(readPartition(reader, topic, readRecords)));
  });
  return { clientSideThrottleTime, errorCode, partitions };
}

function readPartition(reader: WireReader, topic: string, readRecords: ReadRecords): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.safeInt64(); // high watermark
  const lastStableOffset = reader.safeInt64();
  reader.safeInt64(); // log start offset
  const abortedTransactions = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.safeInt64() }));
  return { topic, partition, errorCode, lastStableOffset, abortedTransactions, records: readRecords(reader) };
}
