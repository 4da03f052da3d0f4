/**
 * Asks which operations a broker allows us (KIP-430): Metadata version 8 for a topic and the cluster, DescribeGroups
 * version 3 for a group. The first versions that have the operations are used.
 */
import { protocolCall, type ProtocolCall } from './protocol-call.js';
import { ERROR_CODES, NO_ERROR } from './protocol-errors.js';
import { WireReader, WireWriter } from './wire-format.js';

const REQUEST_BYTES = 256;
/** A broker sends this if it was not asked for operations, or may not report them. */
export const UNKNOWN_OPERATIONS = -(2 ** 31);

export interface Allowed {
  readonly errorCode: number;
  /** A bit for each operation. */
  readonly operations: number;
}

export function operationsOnTopic(topic: string): ProtocolCall<Allowed> {
  const request = new WireWriter(REQUEST_BYTES).int32(1).string(topic);
  // The flags of the request: create no topic, return no operations on the cluster, return those on the topic.
  return protocolCall(3, 'Metadata', 8, request.int8(0).int8(0).int8(1).finish(), readTopicOperations);
}

export function operationsOnCluster(): ProtocolCall<Allowed> {
  const request = new WireWriter(REQUEST_BYTES).int32(0).int8(0).int8(1).int8(0).finish();
  return protocolCall(3, 'Metadata', 8, request, readClusterOperations);
}

export function operationsOnGroup(groupId: string): ProtocolCall<Allowed> {
  const request = new WireWriter(REQUEST_BYTES).int32(1).string(groupId).int8(1).finish();
  return protocolCall(15, 'DescribeGroups', 3, request, readGroupOperations);
}

/** Reads the answer to Metadata, version 8, for one topic. */
function readTopicOperations(body: Buffer): Allowed {
  return readMetadata(new WireReader(body)).topic ?? NO_TOPIC;
}

/** Reads the answer to Metadata, version 8, for the cluster. If we may not describe it, no operation is allowed. */
function readClusterOperations(body: Buffer): Allowed {
  return { errorCode: NO_ERROR, operations: readMetadata(new WireReader(body)).ofCluster };
}

const NO_TOPIC: Allowed = { errorCode: ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION, operations: UNKNOWN_OPERATIONS };

/** @returns the first topic, and the operations on the cluster */
function readMetadata(answer: WireReader): { readonly topic: Allowed | undefined; readonly ofCluster: number } {
  const int32 = (): number => answer.int32();
  answer.int32(); // throttling
  answer.array(() => [answer.int32(), answer.string(), answer.int32(), answer.string()]); // brokers
  answer.string(); // cluster id
  answer.int32(); // controller
  const [topic] = answer.array(() => {
    const errorCode = answer.int16();
    answer.string();
    answer.boolean(); // internal
    answer.array(() => {
      answer.int16();
      for (let fields = 0; fields < 3; fields++) answer.int32(); // partition, leader, its epoch
      for (let lists = 0; lists < 3; lists++) answer.array(int32); // replicas, in sync, offline
    });
    return { errorCode, operations: answer.int32() };
  });
  return { topic, ofCluster: answer.int32() };
}

/** Reads the answer to DescribeGroups, version 3, for one group. */
function readGroupOperations(body: Buffer): Allowed {
  const answer = new WireReader(body);
  answer.int32(); // throttling
  const [group] = answer.array(() => {
    const errorCode = answer.int16();
    for (let texts = 0; texts < 4; texts++) answer.string(); // id, state, protocol type, protocol
    answer.array(() => {
      for (let texts = 0; texts < 3; texts++) answer.string(); // member id, client id, host
      for (let fields = 0; fields < 2; fields++) answer.byteArray(); // metadata, assignment
    });
    return { errorCode, operations: answer.int32() };
  });
  return group ?? { errorCode: ERROR_CODES.COORDINATOR_NOT_AVAILABLE, operations: UNKNOWN_OPERATIONS };
}
