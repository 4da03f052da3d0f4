/**
 * Counts the transactions of a cluster that commit offsets of a group: each leaves one marker in the topic of the
 * groups' offsets.
 */
import { Kafka, logLevel } from 'kafkajs';
import { readPartition } from '../../src/kafka/reading/read-partition.js';
import type { TopicPartition } from '../../src/lib/record.js';
import type { Logs } from '../../src/pipeline/ports.js';
import { partitionsOf } from './topic-reading.js';

const TOPIC = '__consumer_offsets';

/** The ends of the partitions of the topic of the groups' offsets, in their order. */
export async function offsetEnds(bootstrap: string, logs: Logs): Promise<readonly number[]> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), clientId: 'bench', logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
  await admin.disconnect();
  const bounds = partitionsOf(TOPIC, topics[0]?.partitions.length ?? 0).map((partition) => logs.bounds(partition));
  return (await Promise.all(bounds)).map(({ end }) => end);
}

/** The number of transactions that ended between two calls of `offsetEnds`. */
export async function transactionsBetween(logs: Logs, from: readonly number[], to: readonly number[]): Promise<number> {
  const counts = partitionsOf(TOPIC, to.length).map((at, i) => markersIn(logs, at, from[i] ?? 0, to[i] ?? 0));
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Offsets without a record. The active segment of a log is not compacted, so they are those of markers. */
async function markersIn(logs: Logs, partition: TopicPartition, from: number, to: number): Promise<number> {
  let records = 0;
  await readPartition(logs, partition, from, (read) => {
    records += read.filter(({ offset }) => offset < to).length;
  });
  return to - from - records;
}
