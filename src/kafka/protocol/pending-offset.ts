/**
 * Asks whether an open transaction holds an offset of a group: OffsetFetch, version 7, with `require_stable` (KIP-447).
 */
import Encoder from 'kafkajs/src/protocol/encoder.js';
import type { TopicPartition } from '../../lib/record.js';
import { protocolCall, type Answer, type ProtocolCall } from './protocol-call.js';
import { endOfFields, flexibleAnswer, flexibleBody } from './flexible-messages.js';
import { ERROR_CODES, NO_ERROR } from './protocol-errors.js';

/**
 * A request to the group's coordinator. The answer's error is UNSTABLE_OFFSET_COMMIT if a transaction holds the offset.
 */
export function fetchStableOffset(groupId: string, { topic, partition }: TopicPartition): ProtocolCall<Answer> {
  const partitions = [new Encoder(4).writeInt32(partition)];
  const asked = endOfFields(new Encoder().writeUVarIntString(topic).writeUVarIntArray(partitions, 'object'));
  const body = flexibleBody().writeUVarIntString(groupId).writeUVarIntArray([asked], 'object').writeBoolean(true);
  return protocolCall(9, 'OffsetFetch', 7, endOfFields(body), readAnswer);
}

function readAnswer(bytes: Buffer): Answer {
  const decoder = flexibleAnswer(bytes);
  const clientSideThrottleTime = decoder.readInt32();
  const errors = decoder.readUVarIntArray((ofTopic) => {
    ofTopic.readUVarIntString(); // topic
    const ofPartitions = ofTopic.readUVarIntArray((ofPartition) => {
      ofPartition.readInt32(); // partition
      ofPartition.readInt64(); // offset
      ofPartition.readInt32(); // leader epoch
      ofPartition.readUVarIntString(); // metadata
      const errorCode = ofPartition.readInt16();
      ofPartition.readTaggedFields();
      return errorCode;
    });
    ofTopic.readTaggedFields();
    return ofPartitions;
  });
  const ofGroup = decoder.readInt16();
  const errorCode = ofGroup !== NO_ERROR ? ofGroup : (errors?.[0]?.[0] ?? ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION);
  return { clientSideThrottleTime, errorCode };
}
