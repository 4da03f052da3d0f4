/** Writes records to a topic as any producer of the platform would: by key, in order, and none twice. */
import { Kafka, Partitioners, type Producer } from 'kafkajs';
import type { RecordToWrite } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import type { KafkaConfig } from './cluster.js';

const RECORDS_A_REQUEST = 500;

export class RecordSender {
  private constructor(private readonly producer: Producer) {}

  /** @throws BrokerError where no broker can be reached */
  static async connect(config: KafkaConfig): Promise<RecordSender> {
    const producer = new Kafka(config).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect().catch(asBrokerError);
    return new RecordSender(producer);
  }

  /**
   * Writes the records one portion after the other.
   * @param partition where all of them go; by their keys without it
   * @param onSent told after each portion how many were written
   * @throws BrokerError; some may be written then, from the first on
   */
  async send(
    topic: string,
    records: readonly RecordToWrite[],
    { partition, onSent }: { partition?: number; onSent?: (count: number) => void } = {},
  ): Promise<void> {
    for (let from = 0; from < records.length; from += RECORDS_A_REQUEST) {
      const portion = records.slice(from, from + RECORDS_A_REQUEST);
      const messages = portion.map(({ key, value, headers }) => ({
        ...{ key, value },
        headers: headersByName(headers),
        ...(partition === undefined ? {} : { partition }),
      }));
      await this.producer.send({ topic, messages, acks: -1 }).catch(asBrokerError);
      onSent?.(from + portion.length);
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.producer.disconnect().catch(() => undefined);
  }
}

/** kafkajs takes headers by name; one that repeats becomes an array. */
function headersByName(headers: RecordToWrite['headers']): Record<string, Buffer | Buffer[]> {
  const byName: Record<string, Buffer[]> = {};
  for (const { key, value } of headers) (byName[key] ??= []).push(value ?? Buffer.alloc(0));
  return byName;
}

function asBrokerError(cause: unknown): never {
  throw new BrokerError(cause instanceof Error ? cause.message : String(cause), { cause });
}
