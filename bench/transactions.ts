/**
 * Measures the cost of a transaction on the given broker:
 *   npx tsx bench/transactions.ts --brokers host:port [--transactions 200] [--records 1] [--pause-ms 0]
 *
 * One producer runs all transactions, with a pause between two of them if --pause-ms is set. Each does what a
 * transaction of the pipeline does: it begins, sends the records and the offset, and commits. Times are in milliseconds.
 */
import { Kafka, logLevel } from 'kafkajs';
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ClusterView } from '../src/kafka/connection/cluster-view.js';
import { kafkaTransactions } from '../src/kafka/transactions/transactions.js';
import { NO_HEADERS } from '../src/lib/record.js';
import { systemClock } from '../src/lib/system-clock.js';
import { quantile } from './lib/figures.js';

const { values } = parseArgs({
  options: {
    brokers: { type: 'string', default: 'localhost:9092' },
    transactions: { type: 'string', default: '200' },
    records: { type: 'string', default: '1' },
    'pause-ms': { type: 'string', default: '0' },
  },
});
const config = { brokers: values.brokers.split(','), clientId: 'bench', logLevel: logLevel.NOTHING };
const transactions = Number(values.transactions);
const pauseMs = Number(values['pause-ms']);
const records = Array.from({ length: Number(values.records) }, (_, i) => ({
  key: Buffer.from(`company/dataset/${i}`.padEnd(40, '.')),
  value: Buffer.alloc(50, 'v'),
  headers: NO_HEADERS,
}));

const output = { topic: `bench-${randomUUID()}`, partition: 0 };
const input = { topic: `bench-${randomUUID()}`, partition: 0 };
const admin = new Kafka(config).admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic: output.topic }, { topic: input.topic }], waitForLeaders: true });

const cluster = new ClusterView(config, systemClock);
const producer = await kafkaTransactions(config, {
  cluster,
  groupId: `bench-${randomUUID()}`,
  transactionTimeoutMs: 60_000,
  clock: systemClock,
}).fence(`bench-${randomUUID()}`);

const WARM_UP = 50;
const phases = { begin: [] as number[], write: [] as number[], commit: [] as number[], whole: [] as number[] };
let started = 0;
for (let i = -WARM_UP; i < transactions; i++) {
  if (i === 0) started = performance.now();
  if (pauseMs > 0) await systemClock.delay(pauseMs);
  const t0 = performance.now();
  await producer.begin([output]);
  const t1 = performance.now();
  await Promise.all([
    producer.produce(output, records),
    producer.sendOffset(input, { offset: i + WARM_UP, leaderEpoch: -1 }),
  ]);
  const t2 = performance.now();
  await producer.commit();
  const t3 = performance.now();
  if (i < 0) continue;
  phases.begin.push(t1 - t0);
  phases.write.push(t2 - t1);
  phases.commit.push(t3 - t2);
  phases.whole.push(t3 - t0);
}
const recordsPerSecond = Math.round((transactions * records.length) / ((performance.now() - started) / 1_000));

for (const [phase, times] of Object.entries(phases)) {
  times.sort((a, b) => a - b);
  const column = (share: number) => quantile(times, share).toFixed(2).padStart(8);
  console.log(`${phase.padEnd(8)} p50 ${column(0.5)}  p99 ${column(0.99)}  max ${column(1)}`);
}
console.log(`${recordsPerSecond} records/s, pauses included`);

await producer.discard();
await cluster.close();
await admin.deleteTopics({ topics: [output.topic, input.topic] });
await admin.disconnect();
