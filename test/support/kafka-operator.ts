/** Changes to a deployment that an operator makes, or an accident, without the processor's knowledge. */
import { ConfigResourceTypes, type Admin } from 'kafkajs';
import type { CurrentCluster } from './current-cluster.js';
import type { Deployment } from '../../testkit/deployment.js';
import { plainClient } from './topics.js';

const CONSUMER_GROUPS = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';

export class KafkaOperator {
  readonly #cluster: Pick<CurrentCluster, 'kafkaTool'>;
  readonly #deployment: Deployment;

  constructor(cluster: Pick<CurrentCluster, 'kafkaTool'>, deployment: Deployment) {
    this.#cluster = cluster;
    this.#deployment = deployment;
  }

  /** Uses kafka-consumer-groups, as the processor's messages tell an operator to. The group must have no member. */
  async setOffset(partition: number, offset: number): Promise<void> {
    const { applicationId } = this.#deployment;
    const args = ['--group', applicationId, '--reset-offsets', '--to-offset', String(offset), '--execute'];
    await this.#cluster.kafkaTool(CONSUMER_GROUPS, [...args, '--topic', this.#input(partition)]);
  }

  /** Uses kafka-consumer-groups. */
  async deleteOffset(partition: number): Promise<void> {
    const { applicationId } = this.#deployment;
    const args = ['--group', applicationId, '--delete-offsets', '--topic', this.#input(partition)];
    await this.#cluster.kafkaTool(CONSUMER_GROUPS, args);
  }

  /** Deletes all offsets of the group, as if `__consumer_offsets` were lost. The group must have no member. */
  async deleteGroup(): Promise<void> {
    await this.#asAdmin((admin) => admin.deleteGroups([this.#deployment.applicationId]));
  }

  /** Sends DeleteRecords. The log then starts at `offset`. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    await this.#asAdmin(async (admin) => {
      await admin.fetchTopicOffsets(topic); // kafkajs finds only the leaders of topics that were requested before.
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
    });
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
  }

  async createTopic(topic: string, partitions: number, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await this.#asAdmin((admin) =>
      admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: true }),
    );
  }

  /** Changes settings of a topic. Settings that are not named get the broker's defaults again. */
  async setTopicSettings(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await this.#asAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }));
  }

  #input(partition: number): string {
    return `${this.#deployment.topics.events}:${partition}`;
  }

  async #asAdmin(act: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = plainClient(this.#deployment.bootstrap).admin();
    await admin.connect();
    try {
      await act(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
