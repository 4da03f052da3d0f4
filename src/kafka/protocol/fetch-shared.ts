/**
 * The parts of Fetch that its versions share: what is asked, what the answer gives, and the first fields of a request.
 * We use Fetch without a fetch session: our own request and answer on kafkajs's connections.
 *
 * `fetch-by-id.ts` has version 13 (Kafka 3.1), which names topics by their ids. A leader refuses the id of a deleted
 * topic, even if another topic has its name now. `fetch-by-name.ts` has version 10, for older brokers and for topics
 * without an id. Each of the two files decodes its own answer.
 */
import { protocolCall, type ProtocolCall } from './protocol-call.js';
import { WireWriter } from './wire-format.js';

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
  /** The most bytes of that first batch. An answer that may have a larger one is not read. */
  readonly maxBatchBytes: number;
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
export const NO_REPLICA = -1;
const MIN_BYTES = 1;
const READ_COMMITTED = 1;
const NO_SESSION = 0;
const SESSIONLESS_EPOCH = -1;
export const NO_LOG_START = -1;
const FIXED_REQUEST_BYTES = 64;
/** The most bytes of an answer without its records: fields of its partitions, and aborted transactions. */
const MAX_FIELDS_BYTES = 4 * 1_024 * 1_024;
/**
 * The most partitions and aborted transactions of an answer, which become objects. An aborted transaction takes at least
 * 16 bytes.
 */
export const MAX_ANSWER_ITEMS = MAX_FIELDS_BYTES / 16;
const PARTITION_REQUEST_BYTES = 64;
/** The most bytes of an answer before the records of its first partition, and the header of their first batch. */
export const HEAD_BYTES = MAX_FIELDS_BYTES + 4 * 1_024;

/** A Fetch of any version, whose answer has no more bytes than it asks for. */
export function fetchCallOf<T extends FetchResponse>(
  apiVersion: number,
  request: Buffer,
  { maxBytes, maxBatchBytes }: FetchLimits,
  decode: (body: Buffer) => T,
): ProtocolCall<T> {
  const maxResponseSize = maxBytes + maxBatchBytes + MAX_FIELDS_BYTES;
  return { ...protocolCall(API_KEY, 'Fetch', apiVersion, request, decode), maxResponseSize };
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
