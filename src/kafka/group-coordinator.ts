/** The broker that coordinates our group: found when it is needed, and anew after a failure. */
import type { AnyBroker, Told } from './any-broker.js';
import type { BrokerConnections, ConnectedBroker } from './broker-connections.js';
import { COORDINATOR_OF_GROUP } from './cluster.js';
import { isProtocolError } from './protocol-errors.js';

export class GroupCoordinator {
  /** host:port, as far as known. */
  #known: Told<string> | undefined;

  constructor(
    private readonly groupId: string,
    private readonly connections: BrokerConnections,
    private readonly anyBroker: AnyBroker,
  ) {}

  /** One attempt; the caller retries. @throws what `question` and kafkajs throw */
  async ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    const coordinator = (this.#known ??= await this.#find());
    try {
      return await this.connections.ask(coordinator.answer, question);
    } catch (error) {
      this.#known = undefined;
      this.anyBroker.passOn(coordinator.toldBy);
      if (!isProtocolError(error)) this.connections.drop(coordinator.answer);
      throw error;
    }
  }

  #find(): Promise<Told<string>> {
    const request = { groupId: this.groupId, coordinatorType: COORDINATOR_OF_GROUP };
    return this.anyBroker.ask(this.connections, async (broker) => {
      const { coordinator } = await broker.findGroupCoordinator(request);
      return `${coordinator.host}:${coordinator.port}`;
    });
  }
}
