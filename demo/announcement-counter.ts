import { Kafka, logLevel, type Consumer } from 'kafkajs';

/** Counts announcements as they arrive, like any consumer of the topic: read_committed, from the beginning. */
export class AnnouncementCounter {
  readonly #consumer: Consumer;
  #count = 0;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async start(bootstrap: string, topic: string, groupId: string): Promise<AnnouncementCounter> {
    const kafka = new Kafka({ clientId: 'demo-counter', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId });
    const counter = new AnnouncementCounter(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachBatch: ({ batch }) => {
        counter.#count += batch.messages.length;
        return Promise.resolve();
      },
    });
    return counter;
  }

  get count(): number {
    return this.#count;
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect();
  }
}
