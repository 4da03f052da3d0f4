/**
 * OffsetForLeaderEpoch, version 2 (Kafka 2.1): asks a partition's leader where a leader epoch ended in the log.
 *
 *     request   [topic, [partition, epoch of the leader that is asked, leader epoch]]
 *     answer    throttle time, [topic, [error code, partition, leader epoch, end offset]]
 *
 * The leader answers with the offset at which the next higher epoch begins or, for its own epoch, with the end of its
 * log. If a client has read records at or above that offset from the leader of the epoch, these records are lost,
 * because of an unclean leader election or a lost disk.
 */
import type { TopicPartition } from '../../lib/record.js';
import { protocolCall, type Answer, type ConnectedBroker, type ProtocolCall } from './protocol-call.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface EpochEnd extends Answer {
  /** -1 if the leader does not know such an epoch. */
  readonly endOffset: number;
}

const API_KEY = 23;
const API_VERSION = 2;
const FIXED_REQUEST_BYTES = 64;

/** Whether a broker knows this version: since Kafka 2.1. */
export function knowsEpochEnds({ versions }: Pick<ConnectedBroker, 'versions'>): boolean {
  return (versions?.[API_KEY]?.maxVersion ?? -1) >= API_VERSION;
}

/** @param leaderEpoch the epoch of the leader that is asked; @param epoch the epoch whose end is wanted */
export function offsetForLeaderEpoch(
  partition: TopicPartition,
  leaderEpoch: number,
  epoch: number,
): ProtocolCall<EpochEnd> {
  const body = new WireWriter(FIXED_REQUEST_BYTES).onePartition(partition).int32(leaderEpoch).int32(epoch).finish();
  return protocolCall(API_KEY, 'OffsetForLeaderEpoch', API_VERSION, body, readAnswer);
}

function readAnswer(body: Buffer): EpochEnd {
  const reader = new WireReader(body);
  const clientSideThrottleTime = reader.int32();
  const answer = reader.ofOnePartition(() => {
    const errorCode = reader.int16();
    reader.int32(); // partition
    reader.int32(); // the epoch found
    return { errorCode, endOffset: reader.safeInt64() };
  });
  if (answer === undefined) throw new RangeError('the answer to OffsetForLeaderEpoch has no result for the partition');
  return { ...answer, clientSideThrottleTime };
}
