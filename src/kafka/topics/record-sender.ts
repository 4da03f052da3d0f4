/** Writes records to a topic as a producer of the platform would: partitioned by key, in order, and each once. */
import {
  CompressionTypes,
  Kafka,
  Partitioners,
  type Message,
  type Producer,
  type ProducerRecord,
  type RecordMetadata,
} from 'kafkajs';
import type { Clock } from '../../lib/clock.js';
import { recordBytes, type RecordToWrite } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { reasonOf } from '../../lib/reason-of.js';
import { partitionOfKey } from '../transactions/partitioner.js';
import { partitionsOf } from './topics.js';

/** If a request fails, so many records at most may have been written although `onSent` was not called for them. */
export const RECORDS_A_REQUEST = 500;
/** Larger requests are compressed, because by default brokers accept batches of up to 1 MiB. */
const LARGE_BYTES = 900_000;
/** After this time, brokers end the transaction of a killed process, so that readers can continue. */
const TRANSACTION_TIMEOUT_MS = 10_000;

const OPTIONS = {
  createPartitioner: Partitioners.DefaultPartitioner,
  allowAutoTopicCreation: false,
  idempotent: true,
  maxInFlightRequests: 1,
} as const;

/** A record and its partition. Without a partition, its key decides. Without a key too, it goes to partition 0. */
export interface RecordTo extends RecordToWrite {
  readonly partition?: number;
}

export class RecordSender {
  /** Topic -> the number of its partitions. */
  readonly #partitions = new Map<string, number>();

  private constructor(
    private readonly producer: Producer,
    private readonly config: KafkaConfig,
    private readonly clock: Clock,
  ) {}

  /** @throws BrokerError if no broker can be reached */
  static async connect(config: KafkaConfig, clock: Clock): Promise<RecordSender> {
    const producer = new Kafka(config).producer(OPTIONS);
    await producer.connect().catch(asBrokerError);
    return new RecordSender(producer, config, clock);
  }

  /**
   * Writes the records, one portion after the other. Each request of kafkajs is for one partition. If one is for several
   * brokers, and a leader moves meanwhile, kafkajs may not send all records, or send some twice (kafkajs #1303).
   * @param onSent called after each portion with the number of records written so far
   * @throws BrokerError; then some records may have been written, from the first on
   */
  async send(
    topic: string,
    records: readonly RecordTo[],
    { onSent }: { onSent?: (count: number) => void } = {},
  ): Promise<void> {
    const partitions = this.#partitions.get(topic) ?? (await partitionsOf(this.config, this.clock, topic));
    this.#partitions.set(topic, partitions);
    for (let from = 0; from < records.length; from += RECORDS_A_REQUEST) {
      const portion = records.slice(from, from + RECORDS_A_REQUEST);
      for (const request of byPartition(withPartitions(portion, partitions)).values()) {
        const written = await this.producer.send({ topic, ...requestOf(request) }).catch(asBrokerError);
        mustCover(topic, request, written);
      }
      onSent?.(from + portion.length);
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.producer.disconnect().catch(() => undefined);
  }
}

/**
 * Writes the records in one transaction. Readers of committed records see all of them or none, even if this process is
 * killed. Each request of kafkajs is for one partition, as in `RecordSender.send`.
 * @param transactionalId if two processes use it at the same time, one of them is refused
 * @throws BrokerError; then no record counts, unless the answer to the commit was lost
 */
export async function sendTogether(
  config: KafkaConfig,
  clock: Clock,
  transactionalId: string,
  topic: string,
  records: readonly RecordTo[],
): Promise<void> {
  const producer = new Kafka(config).producer({
    ...OPTIONS,
    transactionalId,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
  });
  try {
    const placed = withPartitions(records, await partitionsOf(config, clock, topic));
    await producer.connect();
    const transaction = await producer.transaction();
    try {
      for (const request of byPartition(placed).values())
        mustCover(topic, request, await transaction.send({ topic, ...requestOf(request) }));
    } catch (error) {
      await transaction.abort().catch(() => undefined); // Otherwise the timeout or the next user of the id ends it.
      throw error;
    }
    await transaction.commit();
  } catch (error) {
    asBrokerError(error);
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
}

/** Every record with its partition, as the platform's producers choose it. */
function withPartitions(records: readonly RecordTo[], partitions: number): Required<RecordTo>[] {
  return records.map((record) => {
    const { key, partition = key === null ? 0 : partitionOfKey(key, partitions) } = record;
    return { ...record, partition };
  });
}

/** In their order. */
function byPartition(records: readonly Required<RecordTo>[]): Map<number, Required<RecordTo>[]> {
  const groups = new Map<number, Required<RecordTo>[]>();
  for (const record of records) {
    const group = groups.get(record.partition);
    if (group === undefined) groups.set(record.partition, [record]);
    else group.push(record);
  }
  return groups;
}

/**
 * kafkajs drops records for a partition that the topic does not have, without an error. So each partition that a record
 * names must be in the answers.
 *
 * @throws BrokerError
 */
export function mustCover(
  topic: string,
  records: readonly RecordTo[],
  answers: readonly Pick<RecordMetadata, 'partition'>[],
): void {
  const answered = new Set(answers.map(({ partition }) => partition));
  for (const { partition } of records)
    if (partition !== undefined && !answered.has(partition))
      throw new BrokerError(
        `nothing was written to partition ${partition} of ${topic}, because the brokers report no such partition`,
      );
}

function requestOf(records: readonly RecordTo[]): Omit<ProducerRecord, 'topic'> {
  let bytes = 0;
  for (const record of records) bytes += recordBytes(record);
  const compression = bytes > LARGE_BYTES ? CompressionTypes.GZIP : CompressionTypes.None;
  return { messages: records.map(messageOf), acks: -1, compression };
}

/** Makes kafkajs's message. kafkajs takes headers by name, so repeated headers become an array. */
function messageOf({ key, value, headers, partition }: RecordTo): Message {
  const byName = Object.create(null) as Record<string, Buffer[]>; // A header may have any name, even `__proto__`.
  for (const { key, value } of headers) (byName[key] ??= []).push(value ?? Buffer.alloc(0));
  return { key, value, headers: byName, ...(partition === undefined ? {} : { partition }) };
}

function asBrokerError(cause: unknown): never {
  throw new BrokerError(reasonOf(cause), { cause });
}
