/**
 * ListOffsets, version 4 (Kafka 2.1): asks a partition's leader for an offset.
 *
 *     request   replica id, isolation level, [topic, [partition, leader epoch, timestamp]]
 *     answer    throttle time, [topic, [partition, error code, timestamp, offset, leader epoch]]
 *
 * Our own encoding, because kafkajs does not send the leader epoch. With the epoch, a former leader that does not know
 * of the later epoch refuses to answer.
 */
import type { TopicPartition } from '../../lib/record.js';
import { protocolCall, type Answer, type ProtocolCall } from './protocol-call.js';
import { WireReader, WireWriter } from './wire-format.js';

export const EARLIEST = -2;
/** With READ_COMMITTED, this asks for the last stable offset; with READ_UNCOMMITTED, for the high watermark. */
export const LATEST = -1;
export const NO_SUCH_RECORD = -1;
export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

export interface ListedOffset extends Answer {
  /** NO_SUCH_RECORD if no record has this timestamp or a later timestamp. */
  readonly offset: number;
}

const API_KEY = 2;
const API_VERSION = 4;
const NO_REPLICA = -1;
const FIXED_REQUEST_BYTES = 64;

/**
 * @param leaderEpoch the epoch of the leader that is asked; -1 if it is unknown
 * @param timestamp EARLIEST, LATEST, or milliseconds since the epoch
 */
export function listOffset(
  partition: TopicPartition,
  leaderEpoch: number,
  timestamp: number,
  isolationLevel: typeof READ_UNCOMMITTED | typeof READ_COMMITTED,
): ProtocolCall<ListedOffset> {
  const body = new WireWriter(FIXED_REQUEST_BYTES)
    .int32(NO_REPLICA)
    .int8(isolationLevel)
    .onePartition(partition)
    .int32(leaderEpoch)
    .int64(timestamp)
    .finish();
  return protocolCall(API_KEY, 'ListOffsets', API_VERSION, body, readAnswer);
}

function readAnswer(body: Buffer): ListedOffset {
  const reader = new WireReader(body);
  const clientSideThrottleTime = reader.int32();
  const answer = reader.ofOnePartition(() => {
    reader.int32(); // partition
    const errorCode = reader.int16();
    reader.int64(); // timestamp
    const offset = reader.safeInt64();
    reader.int32(); // leader epoch of the record at that offset
    return { errorCode, offset };
  });
  if (answer === undefined) throw new RangeError('the answer to ListOffsets has no result for the partition');
  return { ...answer, clientSideThrottleTime };
}
