/** Writes a workload to the input topic, as any producer of the platform would. */
import { Kafka, logLevel, type Producer } from 'kafkajs';
import type { WorkloadRecord } from './workload.js';

/** The number of records in one request. It fits even if all records are for one partition. */
export const RECORDS_A_SEND = 1_000;

/** Kafka's number of the resource type; kafkajs does not export a name for it. */
const TOPIC_RESOURCE = 2;
/** Larger than any batch in its uncompressed form: the broker decompresses batches, and compresses them again. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export function plainKafka(bootstrap: string): Kafka {
  return new Kafka({ clientId: 'bench', brokers: bootstrap.split(','), logLevel: logLevel.ERROR });
}

/** The producer sends nothing twice. A retry could change the order of records, and that is another workload. */
export async function connectProducer(bootstrap: string): Promise<Producer> {
  const producer = plainKafka(bootstrap).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
  await producer.connect();
  return producer;
}

/** Makes the broker compress all later records of a topic with `codec`; 'producer' leaves them unchanged. */
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

/** Writes all records as fast as possible. @returns the number of records, and of bytes of keys and values */
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
