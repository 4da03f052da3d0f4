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
import {
  operationsOnCluster,
  operationsOnGroup,
  operationsOnTopic,
  UNKNOWN_OPERATIONS,
} from '../protocol/allowed-operations.js';

/** Kafka's numbers of operations (AclOperation), which are the bits of an answer. */
const OPERATIONS = { READ: 3, WRITE: 4, DESCRIBE: 8, DESCRIBE_CONFIGS: 10 } as const;
export type Operation = keyof typeof OPERATIONS;

/** A new cluster creates the topics of its coordinators at the first request for a coordinator. */
const COORDINATOR_TOPICS_TIMEOUT_MS = 10_000;
const PAUSE_MS = 100;

export class Permissions {
  readonly #connections: BrokerConnections;
  readonly #anyBroker: AnyBroker;
  readonly #cluster: ClusterView;

  constructor(
    config: KafkaConfig,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections(config, clock);
    this.#anyBroker = new AnyBroker(config, clock);
    this.#cluster = new ClusterView(config, clock, this.#connections);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  /** The operations in `needed` that we may not do on the topic; empty if it does not exist. @throws as kafkajs does */
  async lackingOnTopic(topic: string, needed: readonly Operation[]): Promise<Operation[]> {
    const { errorCode, operations } = await this.#ask(operationsOnTopic(topic));
    if (errorCode === ERROR_CODES.TOPIC_AUTHORIZATION_FAILED) return [...needed];
    if (errorCode === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION) return [];
    if (errorCode !== NO_ERROR) throw refusal(errorCode, 'Metadata');
    return lacking(operations, needed);
  }

  /** The operations in `needed` that we may not do on the cluster itself. @throws as `lackingOnTopic` */
  async lackingOnCluster(needed: readonly Operation[]): Promise<Operation[]> {
    const { operations } = await this.#ask(operationsOnCluster());
    return lacking(operations, needed);
  }

  /** The operations in `needed` that we may not do on the group. @throws as `lackingOnTopic` */
  async lackingOnGroup(groupId: string, needed: readonly Operation[]): Promise<Operation[]> {
    const coordinator = await this.#addressOf(
      this.#coordinatorOf(COORDINATOR_OF_GROUP, groupId),
      'GROUP_AUTHORIZATION_FAILED',
    );
    if (coordinator === null) return [...needed];
    const question = operationsOnGroup(groupId);
    const { errorCode, operations } = await this.#connections.ask(coordinator, ({ connectionPool }) =>
      connectionPool.send(question),
    );
    if (errorCode === ERROR_CODES.GROUP_AUTHORIZATION_FAILED) return [...needed];
    if (errorCode !== NO_ERROR) throw refusal(errorCode, 'DescribeGroups');
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

function lacking(operations: number, needed: readonly Operation[]): Operation[] {
  if (operations === UNKNOWN_OPERATIONS) return [];
  return needed.filter((operation) => (operations & (1 << OPERATIONS[operation])) === 0);
}
