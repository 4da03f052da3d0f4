/** Asks Kafka how far the consumer group has come. */
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { pollUntil } from '../testkit/cluster/poll-until.js';

export interface PartitionProgress {
  readonly partition: number;
  readonly end: number;
  readonly committed: number;
}

const FROM_NOTHING_COMMITTED = -1;

export class Consumption {
  readonly #admin: Admin;
  readonly #groupId: string;
  readonly #topic: string;

  private constructor(admin: Admin, groupId: string, topic: string) {
    this.#admin = admin;
    this.#groupId = groupId;
    this.#topic = topic;
  }

  static async connect(bootstrap: string, groupId: string, topic: string): Promise<Consumption> {
    const kafka = new Kafka({ clientId: 'demo-progress', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    return new Consumption(admin, groupId, topic);
  }

  async read(): Promise<PartitionProgress[]> {
    const [ends, [committed]] = await Promise.all([
      this.#admin.fetchTopicOffsets(this.#topic),
      this.#admin.fetchOffsets({ groupId: this.#groupId, topics: [this.#topic] }),
    ]);
    const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return ends.map(({ partition, high, low }) => {
      const offset = offsets.get(partition) ?? FROM_NOTHING_COMMITTED;
      return { partition, end: Number(high), committed: offset === FROM_NOTHING_COMMITTED ? Number(low) : offset };
    });
  }

  /** Resolves once the whole topic is consumed. After `timeoutMs`, rejects with the partitions that are not. */
  async toTheEnd(timeoutMs: number, abort: Promise<never>): Promise<void> {
    let behind: PartitionProgress[] = [];
    const atTheEnd = async () => {
      behind = (await this.read()).filter(({ end, committed }) => committed < end);
      return behind.length === 0;
    };
    try {
      await pollUntil(atTheEnd, {
        awaited: `group ${this.#groupId} is at the end of ${this.#topic}`,
        timeoutMs,
        abort,
      });
    } catch (cause) {
      const where = behind.map(({ partition, end, committed }) => `partition ${partition} at ${committed} of ${end}`);
      throw new Error(`the processors did not consume ${this.#topic}: ${where.join(', ') || 'unknown'}`, { cause });
    }
  }

  async disconnect(): Promise<void> {
    await this.#admin.disconnect();
  }
}
