/** The broker that coordinates our group: looked up for each question, because it may have changed. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import { Coalesced } from '../../lib/coalesced.js';
import type { BrokerConnections } from './broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import { COORDINATOR_OF_GROUP } from './cluster.js';
import type { ClusterView } from './cluster-view.js';
import { isProtocolError, NO_ERROR } from '../protocol/protocol-errors.js';

export class GroupCoordinator {
  readonly #lookUp: Coalesced<string>;

  constructor(
    private readonly groupId: string,
    private readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    private readonly cluster: Pick<ClusterView, 'coordinatorOf'>,
  ) {
    this.#lookUp = new Coalesced(() => this.#find());
  }

  /** host:port, as most brokers name it. One attempt. @throws BrokerError; what kafkajs throws */
  address(): Promise<string> {
    return this.#lookUp.ask();
  }

  /** One attempt; the caller retries. @throws what `question` and kafkajs throw */
  async ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    const coordinator = await this.address();
    try {
      return await this.connections.ask(coordinator, question);
    } catch (error) {
      if (!isProtocolError(error)) this.connections.drop(coordinator);
      throw error;
    }
  }

  async #find(): Promise<string> {
    const { errorCode, address } = await this.cluster.coordinatorOf(COORDINATOR_OF_GROUP, this.groupId);
    if (errorCode === NO_ERROR) return address;
    throw createErrorFromCode(errorCode);
  }
}
