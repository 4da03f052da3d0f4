/** The consumer group while no instance runs: what only an operator's command does to it. */
import type { Clock } from '../lib/clock.js';
import { BrokerConnections, type ConnectedBroker } from './broker-connections.js';
import type { KafkaConfig } from './cluster.js';
import { ClusterView } from './cluster-view.js';
import { describeGroup } from './describe-group.js';
import { GroupCoordinator } from './group-coordinator.js';

/** kafkajs's own encoding of OffsetCommit; an error code of the answer rejects. */
interface CommittingBroker extends ConnectedBroker {
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
  }): Promise<unknown>;
}

/** Of who commits without being a member, which the coordinator takes of a group without members alone. */
const NO_GENERATION = -1;
const NO_MEMBER = '';

export class StoppedGroup {
  readonly #connections: BrokerConnections;
  readonly #cluster: ClusterView;
  readonly #coordinator: GroupCoordinator;

  constructor(
    kafka: KafkaConfig,
    private readonly groupId: string,
    clock: Clock,
  ) {
    this.#connections = new BrokerConnections(kafka);
    this.#cluster = new ClusterView(kafka, clock);
    this.#coordinator = new GroupCoordinator(groupId, this.#connections, this.#cluster);
  }

  async countMembers(): Promise<number> {
    return (await describeGroup(this.#coordinator, this.groupId)).members.length;
  }

  /** All or none: one request is one batch in the coordinator's log. @throws kafkajs's errors, also where it has members */
  async setOffsets(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    const who = { groupId: this.groupId, groupGenerationId: NO_GENERATION, memberId: NO_MEMBER };
    await this.#coordinator.ask((broker) =>
      (broker as CommittingBroker).offsetCommit({ ...who, topics: [{ topic, partitions }] }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.close(), this.#cluster.close()]);
  }
}
