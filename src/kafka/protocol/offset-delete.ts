/** Deletes offsets of a group: OffsetDelete (KIP-496), version 0. kafkajs does not have this request. */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { protocolCall, type ProtocolCall } from './protocol-call.js';
import { NO_ERROR } from './protocol-errors.js';
import type { PartitionsAnswer } from './transaction-requests.js';

/**
 * A request to the group's coordinator. The answer has the error of the group, or else the first error of a partition.
 */
export function deleteOffsets(
  groupId: string,
  topic: string,
  partitions: readonly number[],
): ProtocolCall<PartitionsAnswer> {
  const ids = partitions.map((partition) => new Encoder(4).writeInt32(partition));
  const ofTopic = new Encoder().writeString(topic).writeArray(ids, 'object');
  const body = new Encoder().writeString(groupId).writeArray([ofTopic], 'object');
  return protocolCall(47, 'OffsetDelete', 0, body, readAnswer);
}

function readAnswer(bytes: Buffer): PartitionsAnswer {
  const decoder = new Decoder(bytes);
  const ofGroup = decoder.readInt16();
  const clientSideThrottleTime = decoder.readInt32();
  const errors = decoder.readArray((ofTopic) => {
    const topic = ofTopic.readString() ?? '';
    return ofTopic.readArray((d) => ({ at: { topic, partition: d.readInt32() }, errorCode: d.readInt16() }));
  });
  if (ofGroup !== NO_ERROR) return { clientSideThrottleTime, errorCode: ofGroup, at: undefined };
  const failed = errors.flat().find(({ errorCode }) => errorCode !== NO_ERROR);
  return { clientSideThrottleTime, errorCode: failed?.errorCode ?? NO_ERROR, at: failed?.at };
}
