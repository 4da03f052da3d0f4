/**
 * Asks the brokers which operations they allow us (KIP-430). It does not try the operations, so it changes nothing and
 * disturbs no running instance. A cluster without an authorizer allows everything.
 */
import type { Clock } from '../../lib/clock.js';
import { retryUntil } from '../../lib/retry-until.js';
import { AnyBroker } from '../connection/any-broker.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { ConnectedBroker, ProtocolCall } from '../protocol/protocol-call.js';
import { ClusterView } from '../connection/cluster-view.js';
import { Coordinator } from '../connection/coordinator.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION, type KafkaConfig } from '../connection/cluster.js';
import { ERROR_CODES, isProtocolError, NO_ERROR, refusal } from '../protocol/protocol-errors.js';
import { WireReader, WireWriter } from '../protocol/wire-format.js';

/** Kafka's numbers of operations (AclOperation), which are the bits of an answer. */
const OPERATIONS = { READ: 3, WRITE: 4, DESCRIBE: 8, DESCRIBE_CONFIGS: 10 } as const;
export type Operation = keyof typeof OPERATIONS;

const METADATA = { apiKey: 3, apiVersion: 8, apiName: 'Metadata' } as const;
const DESCRIBE_GROUPS = { apiKey: 15, apiVersion: 3, apiName: 'DescribeGroups' } as const;
const REQUEST_BYTES = 256;
/** A new cluster creates the topics of its coordinators at the first request for a coordinator. */
const COORDINATOR_TOPICS_TIMEOUT_MS = 10_000;
const PAUSE_MS = 100;
/** A broker sends this if it was not asked for operations, or may not report them. */
const UNKNOWN_OPERATIONS = -(2 ** 31);

export class Permissions {
  readonly #connections: BrokerConnections;
  readonly #anyBroker: AnyBroker;
  readonly #cluster: ClusterView;

  constructor(
    config: KafkaConfig,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections(config);
    this.#anyBroker = new AnyBroker(config, clock);
    this.#cluster = new ClusterView(config, clock, this.#connections);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  /** The operations in `needed` that we may not do on the topic; empty if it does not exist. @throws as kafkajs does */
  async lackingOnTopic(topic: string, needed: readonly Operation[]): Promise<Operation[]> {
    const request = new WireWriter(REQUEST_BYTES).int32(1).string(topic).int8(0).int8(0).int8(1).finish();
    const { errorCode, operations } = await this.#ask(call(METADATA, request, readTopicOperations));
    if (errorCode === ERROR_CODES.TOPIC_AUTHORIZATION_FAILED) return [...needed];
    if (errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION) return [];
    if (errorCode !== NO_ERROR) throw refusal(errorCode, METADATA.apiName);
    return lacking(operations, needed);
  }

  /** The operations in `needed` that we may not do on the cluster itself. @throws as `lackingOnTopic` */
  async lackingOnCluster(needed: readonly Operation[]): Promise<Operation[]> {
    const request = new WireWriter(REQUEST_BYTES).int32(0).int8(0).int8(1).int8(0).finish();
    const { operations } = await this.#ask(call(METADATA, request, readClusterOperations));
    return lacking(operations, needed);
  }

  /** The operations in `needed` that we may not do on the group. @throws as `lackingOnTopic` */
  async lackingOnGroup(groupId: string, needed: readonly Operation[]): Promise<Operation[]> {
    const coordinator = await this.#addressOf(
      this.#coordinatorOf(COORDINATOR_OF_GROUP, groupId),
      'GROUP_AUTHORIZATION_FAILED',
    );
    if (coordinator === null) return [...needed];
    const request = new WireWriter(REQUEST_BYTES).int32(1).string(groupId).int8(1).finish();
    const question = call(DESCRIBE_GROUPS, request, readGroupOperations);
    const { errorCode, operations } = await this.#connections.ask(coordinator, ({ connectionPool }) =>
      connectionPool.send(question),
    );
    if (errorCode === ERROR_CODES.GROUP_AUTHORIZATION_FAILED) return [...needed];
    if (errorCode !== NO_ERROR) throw refusal(errorCode, DESCRIBE_GROUPS.apiName);
    return lacking(operations, needed);
  }

  /**
   * Whether we may describe the transactional id. Only its use would show whether we may write with it, and that would
   * fence its owner.
   *
   * @throws as `lackingOnTopic`
   */
  async mayDescribeTransactionalId(id: string): Promise<boolean> {
    const coordinator = this.#coordinatorOf(COORDINATOR_OF_TRANSACTION, id);
    return (await this.#addressOf(coordinator, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')) !== null;
  }

  /** host:port of the coordinator; null if the brokers refuse with `denial`. */
  async #addressOf(coordinator: Coordinator, denial: string): Promise<string | null> {
    const mayHelp = (error: unknown): boolean => isProtocolError(error) && error.retriable;
    const terms = {
      clock: this.clock,
      patienceMs: COORDINATOR_TOPICS_TIMEOUT_MS,
      pause: { next: () => PAUSE_MS },
      mayHelp,
    };
    try {
      return await retryUntil(terms, () => coordinator.address());
    } catch (error) {
      if (isProtocolError(error) && (error as { readonly type?: unknown }).type === denial) return null;
      throw error;
    }
  }

  #coordinatorOf(kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION, key: string): Coordinator {
    return new Coordinator(kind, key, this.#connections, this.#cluster);
  }

  async #ask<T extends object>(question: ProtocolCall<T>): Promise<T> {
    const send = ({ connectionPool }: ConnectedBroker): Promise<T> => connectionPool.send(question);
    return (await this.#anyBroker.ask(this.#connections, send)).answer;
  }
}

interface Allowed {
  readonly errorCode: number;
  /** A bit for each operation. */
  readonly operations: number;
}

function lacking(operations: number, needed: readonly Operation[]): Operation[] {
  if (operations === UNKNOWN_OPERATIONS) return [];
  return needed.filter((operation) => (operations & (1 << OPERATIONS[operation])) === 0);
}

function call<T extends object>(
  api: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string },
  request: Buffer,
  read: (answer: WireReader) => T,
): ProtocolCall<T> {
  return {
    request: { ...api, encode: () => ({ buf: request, buffer: request }) },
    response: {
      decode: (body) => Promise.resolve(body).then((bytes) => read(new WireReader(bytes))),
      parse: (decoded) => Promise.resolve(decoded),
    },
    logResponseError: false,
  };
}

/** Reads the answer to Metadata, version 8, for one topic. */
function readTopicOperations(answer: WireReader): Allowed {
  return readMetadata(answer).topic ?? NO_TOPIC;
}

/** Reads the answer to Metadata, version 8, for the cluster. If we may not describe it, no operation is allowed. */
function readClusterOperations(answer: WireReader): Allowed {
  return { errorCode: NO_ERROR, operations: readMetadata(answer).ofCluster };
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
function readGroupOperations(answer: WireReader): Allowed {
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
