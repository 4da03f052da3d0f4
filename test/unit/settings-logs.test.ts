/** How the clients' choices are read. */
import { pino } from 'pino';
import { loadConfig } from '../../src/config.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { ClusterView } from '../../src/kafka/connection/cluster-view.js';
import { LargeBatches } from '../../src/kafka/reading/large-batches.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { createSettingsLogs } from '../../src/pipeline-context.js';

test('client-settings is read as a log whose last records compaction may have removed: otherwise a start would wait for them', async () => {
  const config = loadConfig({}, {}, () => '');
  const logger = pino({ level: 'silent' });
  const cluster = new ClusterView(kafkaConfigOf(config, logger), systemClock);
  const parts = { cluster, largeBatches: new LargeBatches(systemClock), config, logger, clock: systemClock };
  const closing: (() => Promise<void>)[] = [];
  const logs = createSettingsLogs(
    parts,
    (_name, close) => closing.push(close),
    () => undefined,
  );
  expect(logs.kind).toBe('compacted');
  await Promise.all([cluster.close(), ...closing.map((close) => close())]);
});
