/** Which topics are read as compacted ones, whose records may be missing. */
import { pino } from 'pino';
import { commandLogs } from '../../src/command/command-logs.js';
import { loadConfig } from '../../src/config.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { LargeBatches } from '../../src/kafka/reading/large-batches.js';
import type { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { PartitionReader } from '../../src/kafka/reading/log-reader.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { createLogs, createSettingsLogs } from '../../src/pipeline-context.js';

const config = loadConfig({}, {}, () => '');
const TOPICS = Object.values<string>({ ...config.topics });
const logger = pino({ level: 'silent' });
const clock = systemClock;
const surroundings = { kafka: kafkaConfigOf(config, logger) };
const cluster = new ClusterView(surroundings.kafka, clock);
const parts = { surroundings, cluster, largeBatches: new LargeBatches(clock), config, logger, clock };
const ignored = () => undefined;
const opened: KafkaLogs[] = [];
afterAll(() => Promise.all([cluster.close(), ...opened.map((logs) => logs.close())]));

test.each<[string, () => KafkaLogs]>([
  ['an instance', () => createLogs(parts, ignored)],
  ["an instance for the clients' choices", () => createSettingsLogs(parts, ignored, ignored)],
  ['a command', () => commandLogs('x', { config, logger, printError: ignored }, { topics: config.topics, cluster })],
])(
  'logs of %s pass over missing records only where compaction removes them: elsewhere they would skip records in remote storage',
  (_whose, open) => {
    const logs = open();
    opened.push(logs);
    const kinds = TOPICS.map((topic) => [topic, logs.kindOf(topic)]);
    const compacted = kinds.filter(([, kind]) => kind === 'compacted').map(([topic]) => topic);
    expect(compacted.sort()).toEqual(['client-settings', 'company-sync-company-state']);
  },
);

test('a reader has the kind of its topic, whatever else its logs read', () => {
  const logs = commandLogs('x', { config, logger, printError: ignored }, { topics: config.topics, cluster });
  opened.push(logs);
  const nothing = { records: Buffer.alloc(0), lastStableOffset: 9, abortedTransactions: [] };
  const passed = TOPICS.filter((topic) => {
    const reader = logs.reader({ topic, partition: 0 }, 5) as PartitionReader;
    reader.receive(nothing as unknown as Parameters<PartitionReader['receive']>[0], true, 0);
    return reader.fetchOffset > 5;
  });
  expect(passed.sort()).toEqual(['client-settings', 'company-sync-company-state']);
});
