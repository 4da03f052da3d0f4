/** Reads whole topics, read_committed, and waits until a group has consumed them. */
import { logLevel } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { readPartition } from '../../src/kafka/reading/read-partition.js';
import type { LogRecord, TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';

const OFFSETS_INTERVAL_MS = 25;

export function logsOf(bootstrap: string, groupId: string): KafkaLogs {
  return new KafkaLogs({
    config: { brokers: bootstrap.split(','), clientId: 'bench', logLevel: logLevel.ERROR },
    groupId,
    clock: systemClock,
    onTrouble: ({ topic, partition }, error) => console.error(`${topic}/${partition}: ${error.message}`),
  });
}

export function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

/** Calls `take` with every record that is now in the partitions. */
export async function readWhole(
  logs: KafkaLogs,
  partitions: readonly TopicPartition[],
  take: (record: LogRecord) => void,
): Promise<void> {
  await Promise.all(
    partitions.map((partition) => readPartition(logs, partition, 0, (records) => records.forEach(take))),
  );
}

/** Resolves once the group of `logs` has committed the present end of every partition. */
export async function consumed(
  logs: KafkaLogs,
  partitions: readonly TopicPartition[],
  processor: { mustRun(): void },
): Promise<void> {
  const ends = await Promise.all(partitions.map(async (partition) => (await logs.bounds(partition)).end));
  for (;;) {
    processor.mustRun();
    const committed = await Promise.all(partitions.map((partition) => logs.committedOffset(partition)));
    if (ends.every((end, i) => end === 0 || (committed[i]?.offset ?? 0) >= end)) return;
    await delay(OFFSETS_INTERVAL_MS);
  }
}
