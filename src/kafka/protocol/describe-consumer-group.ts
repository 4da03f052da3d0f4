/**
 * ConsumerGroupDescribe, version 0 (Kafka 3.7): describes a group whose members use the consumer protocol of KIP-848.
 * In DescribeGroups such a group looks empty, although no instance can join it.
 *
 *     request   [group id], whether to include the operations
 *     answer    throttle time, [error code, error message, group id, state, epoch, assignment epoch, assignor, [member: id,
 *               instance id, rack, epoch, client id, host, [topic], ...], ...]
 */
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { protocolCall, type Answer, type ConnectedBroker } from './protocol-call.js';
import { endOfFields, flexibleAnswer, flexibleBody } from './flexible-messages.js';
import { NO_ERROR } from './protocol-errors.js';

const API_KEY = 69;

export interface ConsumerGroupMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly topics: readonly string[];
}

interface DescribedConsumerGroup extends Answer {
  readonly first: ConsumerGroupMember | null;
}

/**
 * The first member of such a group; null if the group has no member or is of another kind, or if the broker does not
 * know the request.
 */
export async function firstConsumerIn(
  { versions, connectionPool }: ConnectedBroker,
  groupId: string,
): Promise<ConsumerGroupMember | null> {
  if (versions?.[API_KEY] === undefined) return null;
  const groups = [new Encoder().writeUVarIntString(groupId)];
  const body = endOfFields(flexibleBody().writeUVarIntArray(groups, 'object').writeBoolean(false));
  const { errorCode, first } = await connectionPool.send(
    protocolCall(API_KEY, 'ConsumerGroupDescribe', 0, body, readAnswer),
  );
  return errorCode === NO_ERROR ? first : null;
}

function readAnswer(bytes: Buffer): DescribedConsumerGroup {
  const decoder = flexibleAnswer(bytes);
  const clientSideThrottleTime = decoder.readInt32();
  let answer: DescribedConsumerGroup = { clientSideThrottleTime, errorCode: NO_ERROR, first: null };
  // The request names one group. Fields after its first member are not read.
  if (lengthOf(decoder) > 0) {
    const errorCode = decoder.readInt16();
    for (let texts = 0; texts < 3; texts++) decoder.readUVarIntString(); // error message, group id, state
    for (let epochs = 0; epochs < 2; epochs++) decoder.readInt32();
    decoder.readUVarIntString(); // assignor
    answer = { clientSideThrottleTime, errorCode, first: lengthOf(decoder) > 0 ? readMember(decoder) : null };
  }
  return answer;
}

type Decoder = ReturnType<typeof flexibleAnswer>;

function readMember(decoder: Decoder): ConsumerGroupMember {
  const memberId = decoder.readUVarIntString() ?? '';
  for (let texts = 0; texts < 2; texts++) decoder.readUVarIntString(); // instance id, rack
  decoder.readInt32(); // epoch
  const clientId = decoder.readUVarIntString() ?? '';
  const clientHost = decoder.readUVarIntString() ?? '';
  const topics = decoder.readUVarIntArray((ofTopic) => ofTopic.readUVarIntString() ?? '') ?? [];
  return { memberId, clientId, clientHost, topics };
}

/** The length of a compact array. */
function lengthOf(decoder: Decoder): number {
  return decoder.readUVarInt() - 1;
}
