/**
 * Asks a group's coordinator for the group's offset in a partition, which Kafka calls the committed offset:
 * OffsetFetch, version 5 (Kafka 2.1).
 *
 *     request   group, [topic, [partition]]
 *     answer    throttle time, [topic, [partition, offset, leader epoch, metadata, error code]], error code
 *
 * Our own encoding, because kafkajs does not read the leader epoch.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import type { TopicPartition } from '../../lib/record.js';
import type { CommittedOffset } from '../../pipeline/ports.js';
import { BrokerError } from '../../pipeline/errors.js';
import { protocolCall, type Answer, type ConnectedBroker, type ProtocolCall } from './protocol-call.js';
import { NO_ERROR } from './protocol-errors.js';
import { WireReader, WireWriter } from './wire-format.js';

const NOTHING_COMMITTED = -1;
const API_KEY = 9;
const API_VERSION = 5;
const FIXED_REQUEST_BYTES = 64;

interface OffsetAnswer extends Answer, CommittedOffset {}

/**
 * The group's offset in a partition; null if the group has committed no offset there.
 *
 * @throws what kafkajs throws
 */
export async function fetchCommittedOffset(
  { connectionPool }: Pick<ConnectedBroker, 'connectionPool'>,
  groupId: string,
  partition: TopicPartition,
): Promise<CommittedOffset | null> {
  const { errorCode, offset, leaderEpoch } = await connectionPool.send(offsetFetch(groupId, partition));
  if (errorCode !== NO_ERROR) throw createErrorFromCode(errorCode);
  return offset === NOTHING_COMMITTED ? null : { offset, leaderEpoch };
}

function offsetFetch(groupId: string, partition: TopicPartition): ProtocolCall<OffsetAnswer> {
  const body = new WireWriter(FIXED_REQUEST_BYTES).string(groupId).onePartition(partition).finish();
  return protocolCall(API_KEY, 'OffsetFetch', API_VERSION, body, readAnswer);
}

function readAnswer(body: Buffer): OffsetAnswer {
  const reader = new WireReader(body);
  const clientSideThrottleTime = reader.int32();
  const answer = reader.ofOnePartition(() => {
    reader.int32(); // partition
    const offset = reader.safeInt64();
    const leaderEpoch = reader.int32();
    reader.string(); // metadata
    return { offset, leaderEpoch, errorCode: reader.int16() };
  });
  const ofGroup = reader.int16();
  if (ofGroup !== NO_ERROR)
    return { errorCode: ofGroup, offset: NOTHING_COMMITTED, leaderEpoch: -1, clientSideThrottleTime };
  if (answer === undefined) throw new BrokerError('the answer to OffsetFetch has no result for the partition');
  return { ...answer, clientSideThrottleTime };
}
