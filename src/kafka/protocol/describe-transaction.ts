/** Describes a transactional id as its coordinator sees it: DescribeTransactions (KIP-664), version 0. */
import Encoder from 'kafkajs/src/protocol/encoder.js';
import { protocolCall, type Answer, type ConnectedBroker } from './protocol-call.js';
import { endOfFields, flexibleAnswer, flexibleBody } from './flexible-messages.js';
import { ERROR_CODES } from './protocol-errors.js';

const API_KEY = 65;

/** If the coordinator does not know the id, only the error code has a meaning. */
export interface DescribedTransaction extends Answer {
  /** For example Ongoing or CompleteCommit. Empty after a fencing, until the producer begins a transaction. */
  readonly state: string;
  /** The transaction timeout that the last fencing has set, in milliseconds. */
  readonly timeoutMs: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

const UNKNOWN: DescribedTransaction = {
  errorCode: ERROR_CODES.TRANSACTIONAL_ID_NOT_FOUND,
  clientSideThrottleTime: 0,
  state: 'Dead',
  timeoutMs: -1,
  producerId: -1n,
  producerEpoch: -1,
};

/** Brokers before Kafka 3.0 do not know the request. Then the result is as for an unknown id. */
export async function describeTransaction(
  { versions, connectionPool }: ConnectedBroker,
  transactionalId: string,
): Promise<DescribedTransaction> {
  if (versions?.[API_KEY] === undefined) return UNKNOWN;
  const ids = [new Encoder().writeUVarIntString(transactionalId)];
  const body = endOfFields(flexibleBody().writeUVarIntArray(ids, 'object'));
  const call = protocolCall(API_KEY, 'DescribeTransactions', 0, body, readAnswer);
  return connectionPool.send(call);
}

function readAnswer(bytes: Buffer): DescribedTransaction {
  const decoder = flexibleAnswer(bytes);
  const clientSideThrottleTime = decoder.readInt32();
  // Only the first id is read, because only one was asked for. Its partitions follow, and are not read.
  const read = (ofId: typeof decoder): DescribedTransaction => {
    const errorCode = ofId.readInt16();
    ofId.readUVarIntString(); // the id
    const state = ofId.readUVarIntString() ?? '';
    const timeoutMs = ofId.readInt32();
    ofId.readInt64(); // start
    const producerId = BigInt(ofId.readInt64().toString());
    return { clientSideThrottleTime, errorCode, state, timeoutMs, producerId, producerEpoch: ofId.readInt16() };
  };
  return decoder.readUVarIntArray(read)?.[0] ?? UNKNOWN;
}
