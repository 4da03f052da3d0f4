/** Writing a workload to the input topic, as any producer of the platform would. */
import { Kafka, logLevel, type Producer } from 'kafkajs';
import type { WorkloadRecord } from './workload.js';

/** Small enough for one request, whatever their partitions. */
export const RECORDS_A_SEND = 1_000;

export function plainKafka(bootstrap: string): Kafka {
  return new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.ERROR });
}

/** A lost order would be another workload, so that nothing is sent twice. */
export async function connectProducer(bootstrap: string): Promise<Producer> {
  const producer = plainKafka(bootstrap).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
  await producer.connect();
  return producer;
}

/** Writes all records as fast as it goes. @returns how many records, and bytes of keys and values */
export async function fill(
  producer: Producer,
  topic: string,
  records: Iterable<WorkloadRecord>,
): Promise<{ records: number; bytes: number }> {
  let count = 0;
  let bytes = 0;
  let messages: WorkloadRecord[] = [];
  for (const record of records) {
    messages.push(record);
    count++;
    bytes += record.key.length + record.value.length;
    if (messages.length < RECORDS_A_SEND) continue;
    await producer.send({ topic, messages });
    messages = [];
  }
  if (messages.length > 0) await producer.send({ topic, messages });
  return { records: count, bytes };
}
