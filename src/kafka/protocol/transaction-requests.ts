/**
 * The requests of a transaction apart from Produce, each in its last version before the flexible ones (KIP-482).
 *
 * kafkajs has them too. But it turns error codes into exceptions that lose unknown codes. It also logs each code as an
 * error, although CONCURRENT_TRANSACTIONS is an everyday answer.
 */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import type { TopicPartition } from '../../lib/record.js';
import type { CommittedOffset } from '../../pipeline/ports.js';
import { protocolCall, type Answer, type ConnectedBroker, type ProtocolCall } from './protocol-call.js';
import { endOfFields, flexibleAnswer, flexibleBody } from './flexible-messages.js';
import { ERROR_CODES, NO_ERROR } from './protocol-errors.js';

const INIT_PRODUCER_ID = 22;

/** The producer session that a transaction belongs to. */
export interface ProducerSession {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** The answer to a request about partitions: the first error, and the partition that it is about. */
export interface PartitionsAnswer extends Answer {
  readonly partition: TopicPartition | undefined;
}

export interface InitProducerIdAnswer extends Answer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface CoordinatorAnswer extends Answer {
  /** host:port */
  readonly address: string;
}

/** @param kind COORDINATOR_OF_GROUP or COORDINATOR_OF_TRANSACTION; `key` is the group or the transactional id */
export function findCoordinator(kind: number, key: string): ProtocolCall<CoordinatorAnswer> {
  const body = new Encoder().writeString(key).writeInt8(kind);
  return protocolCall(10, 'FindCoordinator', 1, body, (bytes) => {
    const decoder = new Decoder(bytes);
    const answer = readErrorCode(decoder);
    decoder.readString(); // error message
    decoder.readInt32(); // node id
    const host = decoder.readString() ?? '';
    return { ...answer, address: `${host}:${decoder.readInt32()}` };
  });
}

/** @param transactionTimeoutMs the coordinator aborts a transaction that is open for longer */
export function initProducerId(
  transactionalId: string,
  transactionTimeoutMs: number,
): ProtocolCall<InitProducerIdAnswer> {
  const body = new Encoder().writeString(transactionalId).writeInt32(transactionTimeoutMs);
  return protocolCall(INIT_PRODUCER_ID, 'InitProducerId', 1, body, (bytes) => {
    const decoder = new Decoder(bytes);
    return {
      ...readErrorCode(decoder),
      producerId: BigInt(decoder.readInt64().toString()),
      producerEpoch: decoder.readInt16(),
    };
  });
}

const FIRST_VERSION_OF_SESSIONS = 3;

/** Whether a broker knows `fenceOwnSession`: brokers know it since Kafka 2.5. */
export function canFenceOwnSession({ versions }: Pick<ConnectedBroker, 'versions'>): boolean {
  return (versions?.[INIT_PRODUCER_ID]?.maxVersion ?? 0) >= FIRST_VERSION_OF_SESSIONS;
}

/**
 * Ends the session itself (KIP-360): the coordinator aborts its open transaction, and raises its epoch. If the
 * coordinator has begun to abort, it answers CONCURRENT_TRANSACTIONS. While a transaction is open, the coordinator does
 * not check the epoch, so it would also abort the transaction of a new owner of the id (Kafka 4.3.1). So first send
 * another request to check that the session is valid.
 */
export function fenceOwnSession(session: ProducerSession, transactionTimeoutMs: number): ProtocolCall<Answer> {
  const body = flexibleBody()
    .writeUVarIntString(session.transactionalId)
    .writeInt32(transactionTimeoutMs)
    .writeInt64(session.producerId.toString())
    .writeInt16(session.producerEpoch);
  const read = (bytes: Buffer) => readErrorCode(flexibleAnswer(bytes));
  return protocolCall(INIT_PRODUCER_ID, 'InitProducerId', FIRST_VERSION_OF_SESSIONS, endOfFields(body), read);
}

export function addPartitionsToTxn(
  session: ProducerSession,
  partitions: readonly TopicPartition[],
): ProtocolCall<PartitionsAnswer> {
  const topics = [...new Set(partitions.map((partition) => partition.topic))].map((topic) => {
    const ids = partitions
      .filter((log) => log.topic === topic)
      .map(({ partition }) => new Encoder(4).writeInt32(partition));
    return new Encoder().writeString(topic).writeArray(ids, 'object');
  });
  const body = writeSession(session).writeArray(topics, 'object');
  return protocolCall(24, 'AddPartitionsToTxn', 1, body, readPartitionsAnswer);
}

export function addOffsetsToTxn(session: ProducerSession, groupId: string): ProtocolCall<Answer> {
  return protocolCall(25, 'AddOffsetsToTxn', 1, writeSession(session).writeString(groupId), readAnswer);
}

export function endTxn(session: ProducerSession, outcome: 'commit' | 'abort'): ProtocolCall<Answer> {
  return protocolCall(26, 'EndTxn', 1, writeSession(session).writeBoolean(outcome === 'commit'), readAnswer);
}

/**
 * Goes to the group's coordinator; the other requests go to the transaction's. Version 2 (Kafka 2.1) has the leader
 * epoch.
 */
export function txnOffsetCommit(
  session: ProducerSession,
  groupId: string,
  input: TopicPartition,
  { offset, leaderEpoch }: CommittedOffset,
): ProtocolCall<PartitionsAnswer> {
  const position = new Encoder()
    .writeInt32(input.partition)
    .writeInt64(offset)
    .writeInt32(leaderEpoch)
    .writeString(null);
  const topic = new Encoder().writeString(input.topic).writeArray([position], 'object');
  const body = new Encoder()
    .writeString(session.transactionalId)
    .writeString(groupId)
    .writeInt64(session.producerId.toString())
    .writeInt16(session.producerEpoch)
    .writeArray([topic], 'object');
  return protocolCall(28, 'TxnOffsetCommit', 2, body, readPartitionsAnswer);
}

function writeSession(session: ProducerSession): Encoder {
  return new Encoder()
    .writeString(session.transactionalId)
    .writeInt64(session.producerId.toString())
    .writeInt16(session.producerEpoch);
}

function readAnswer(bytes: Buffer): Answer {
  return readErrorCode(new Decoder(bytes));
}

function readErrorCode(decoder: Decoder): Answer {
  const clientSideThrottleTime = decoder.readInt32();
  return { clientSideThrottleTime, errorCode: decoder.readInt16() };
}

/**
 * Finds the partition that failed, and its error. The other partitions then have OPERATION_NOT_ATTEMPTED, which is not
 * the cause.
 */
function readPartitionsAnswer(bytes: Buffer): PartitionsAnswer {
  const decoder = new Decoder(bytes);
  const clientSideThrottleTime = decoder.readInt32();
  const errors = decoder.readArray((ofTopic) => {
    const topic = ofTopic.readString() ?? '';
    return ofTopic.readArray((d) => ({ partition: { topic, partition: d.readInt32() }, errorCode: d.readInt16() }));
  });
  const failed = errors.flat().filter(({ errorCode }) => errorCode !== NO_ERROR);
  const first = failed.find(({ errorCode }) => errorCode !== ERROR_CODES.OPERATION_NOT_ATTEMPTED) ?? failed[0];
  return { clientSideThrottleTime, errorCode: first?.errorCode ?? NO_ERROR, partition: first?.partition };
}
