import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import { Coalesced } from '../../lib/coalesced.js';
import type { BrokerConnections } from './broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import { COORDINATOR_OF_GROUP, type COORDINATOR_OF_TRANSACTION } from './cluster.js';
import type { ClusterView, NamedCoordinator } from './cluster-view.js';
import { isProtocolError, NO_ERROR } from '../protocol/protocol-errors.js';

type Kind = typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION;

/** The broker that coordinates a group or a transactional id. It may change, so each request looks it up again. */
export class Coordinator {
  readonly #lookUp: Coalesced<NamedCoordinator>;

  constructor(
    private readonly kind: Kind,
    private readonly key: string,
    private readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    private readonly cluster: Pick<ClusterView, 'coordinatorOf'>,
  ) {
    this.#lookUp = new Coalesced(() => this.#find());
  }

  static ofGroup(
    groupId: string,
    connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    cluster: Pick<ClusterView, 'coordinatorOf'>,
  ): Coordinator {
    return new Coordinator(COORDINATOR_OF_GROUP, groupId, connections, cluster);
  }

  /**
   * host:port, as most brokers name it. One attempt.
   *
   * @throws kafkajs's error of the refusal, or of the failed connection
   */
  async address(): Promise<string> {
    return (await this.#lookUp.ask()).address;
  }

  /**
   * One attempt; the caller retries.
   *
   * @param question called with the coordinator, and with `byMost` as in `NamedCoordinator`
   * @throws what `question` and kafkajs throw
   */
  async ask<T>(question: (broker: ConnectedBroker, byMost: boolean) => Promise<T>): Promise<T> {
    const { address, byMost } = await this.#lookUp.ask();
    try {
      return await this.connections.ask(address, (broker) => question(broker, byMost));
    } catch (error) {
      if (!isProtocolError(error)) this.connections.drop(address);
      throw error;
    }
  }

  async #find(): Promise<NamedCoordinator> {
    const named = await this.cluster.coordinatorOf(this.kind, this.key);
    if (named.errorCode === NO_ERROR) return named;
    throw createErrorFromCode(named.errorCode);
  }
}
