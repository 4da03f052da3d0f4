/** Writing a workload to the input topic, as any producer of the platform would. */
import { Kafka, logLevel, type Producer } from 'kafkajs';
import type { WorkloadRecord } from './workload.js';

/** Small enough for one request, whatever their partitions. */
export const RECORDS_A_SEND = 1_000;

/** Kafka's number; kafkajs does not export its names for these. */
const TOPIC_RESOURCE = 2;
/** Larger than the batches before the broker compresses them again. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export function plainKafka(bootstrap: string): Kafka {
  return new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.ERROR });
}

/** A lost order would be another workload, so that nothing is sent twice. */
export async function connectProducer(bootstrap: string): Promise<Producer> {
  const producer = plainKafka(bootstrap).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
  await producer.connect();
  return producer;
}

/** Lets the broker compress what is written to a topic from now on with `codec`; 'producer' leaves it as it comes. */
export async function compressAs(bootstrap: string, topic: string, codec: string): Promise<void> {
  const admin = plainKafka(bootstrap).admin();
  await admin.connect();
  const configEntries = [
    { name: 'compression.type', value: codec },
    { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
  ];
  const resources = [{ type: TOPIC_RESOURCE, name: topic, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
  await admin.disconnect();
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
