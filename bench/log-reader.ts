/**
 * Measures the log reader: records a second, latency at the end of the log, and CPU time while nothing is written.
 *
 *   npx tsx bench/log-reader.ts
 *
 * Uses the Kafka and registry that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name. Otherwise it starts its own.
 */
import { Kafka, logLevel } from 'kafkajs';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaLogs } from '../src/kafka/reading/kafka-logs.js';
import type { TopicPartition } from '../src/lib/record.js';
import { startCluster } from '../testkit/cluster/start-cluster.js';
import { systemClock } from '../src/lib/system-clock.js';

const RECORDS = 1_000_000;
const RECORD_BYTES = 100;
const PARTITIONS = 4;
const RECORDS_A_SEND = 5_000;
const RECORDS_A_READ = 2_000;
const ROUNDS = 3;
const LATENCY_SAMPLES = 500;
const IDLE_PARTITIONS = 12;
const IDLE_MS = 10_000;

const cluster = await startCluster({ registry: false, profile: 'bench' });
const config = { brokers: cluster.bootstrap.split(','), clientId: 'bench', logLevel: logLevel.NOTHING };
const kafka = new Kafka(config);
const admin = kafka.admin();
const producer = kafka.producer();
await Promise.all([admin.connect(), producer.connect()]);

try {
  const topic = `bench-${randomUUID()}`;
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await fill(topic);
  await measureReading('one partition', [{ topic, partition: 0 }]);
  await measureReading(`${PARTITIONS} partitions at once`, partitionsOf(topic, PARTITIONS));
  await measureTail();
} finally {
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await cluster.stop();
}

async function fill(topic: string): Promise<void> {
  const value = randomBytes(RECORD_BYTES - 16);
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (let sent = 0; sent < RECORDS / PARTITIONS; sent += RECORDS_A_SEND) {
      const messages = Array.from({ length: RECORDS_A_SEND }, (_, i) => ({
        key: String(sent + i).padStart(16, '0'),
        value,
        partition,
      }));
      await producer.send({ topic, messages });
    }
}

async function measureReading(name: string, partitions: readonly TopicPartition[]): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    const logs = newLogs();
    const ends = await Promise.all(partitions.map((partition) => logs.bounds(partition)));
    const started = performance.now();
    const cpu = process.cpuUsage();
    const counts = await Promise.all(partitions.map((partition, i) => readTo(logs, partition, ends[i]!.end)));
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const count = counts.reduce((sum, n) => sum + n, 0);
    report(`${name}, round ${round}`, `${thousands(count / seconds)} records/s`, {
      records: count,
      seconds: seconds.toFixed(2),
      'CPU us/record': ((user + system) / count).toFixed(2),
    });
    await logs.close();
  }
}

async function readTo(logs: KafkaLogs, partition: TopicPartition, end: number): Promise<number> {
  const reader = logs.reader(partition, 0);
  let count = 0;
  for (let position = 0; position < end;) {
    const { records, nextOffset } = await reader.next(RECORDS_A_READ);
    count += records.length;
    position = nextOffset;
  }
  reader.close();
  return count;
}

async function measureTail(): Promise<void> {
  const topic = `bench-tail-${randomUUID()}`;
  await admin.createTopics({ topics: [{ topic, numPartitions: IDLE_PARTITIONS }] });
  const logs = newLogs();
  const readers = partitionsOf(topic, IDLE_PARTITIONS).map((partition) => logs.reader(partition, 0));
  const waits = readers.map((reader) => reader.next(RECORDS_A_READ));
  await delay(1_000);

  const cpu = process.cpuUsage();
  await delay(IDLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  report(`${IDLE_PARTITIONS} partitions idle`, `${((user + system) / IDLE_MS / 10).toFixed(2)} % of a core`, {});

  const latencies: number[] = [];
  for (let i = 0; i < LATENCY_SAMPLES; i++) {
    const partition = i % IDLE_PARTITIONS;
    const started = performance.now();
    await producer.send({ topic, messages: [{ key: 'k', value: 'v', partition }] });
    await waits[partition];
    latencies.push(performance.now() - started);
    waits[partition] = readers[partition]!.next(RECORDS_A_READ);
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number): string => `${latencies[Math.floor(share * (latencies.length - 1))]!.toFixed(1)} ms`;
  report('from produce to readable', at(0.5), { p99: at(0.99), max: at(1) });
  const ended = Promise.allSettled(waits);
  await logs.close();
  await ended;
}

function newLogs(): KafkaLogs {
  const onTrouble = (partition: TopicPartition, error: Error): void => console.error(partition, error.message);
  return new KafkaLogs({ config, groupId: 'bench', clock: systemClock, onTrouble });
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

function report(what: string, figure: string, details: Readonly<Record<string, string | number>>): void {
  const more = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  console.log(`${what.padEnd(34)} ${figure.padStart(20)}   ${more.join(', ')}`);
}

function thousands(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}
