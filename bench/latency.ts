/** Measures the time from a record that completes a company to the announcement. See `--help`. */
import type { Cluster } from '../testkit/cluster/cluster.js';
import type { Producer } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPlatformEncoder, type PlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import type { KafkaLogs } from '../src/kafka/reading/kafka-logs.js';
import { AnnouncementTimes } from './lib/announcement-times.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER, type Deployment } from './lib/deployment.js';
import { thousands } from './lib/figures.js';
import { connectProducer, fill } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { usedSince } from './lib/process-usage.js';
import { sendSteadily, take } from './lib/steady-rate.js';
import { consumed, logsOf, partitionsOf } from './lib/topic-reading.js';
import { recordsPerCompany, USUAL_STATUSES, workload, type WorkloadRecord } from './lib/workload.js';

const HELP = `npm run bench:latency -- [options]

Writes records at a steady rate and measures, for each record that completes a company, the time from just before it is
sent until a consumer of committed records can read its announcement. It also measures an idle instance, with one company
of one dataset completed every 50 ms.

  --rate N       records a second; may be given several times (2000 and 10000)
  --seconds N    the duration of each rate (30)
  --warm-up N    seconds at each rate before the measurement (30): a broker that has just started compiles its code
  --build FOLDER the build to measure (dist)
  --short        one rate, 4 seconds: check that it works
  --help         print this

1,000 companies are in flight, 20 datasets each, four status changes a dataset, over 4 partitions.
Uses the Kafka and registry that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name. Otherwise it starts its own.`;

const PARTITIONS = 4;
const IN_FLIGHT = 1_000;
const DATASETS = 20;
const IDLE_INTERVAL_MS = 50;
const SEED = 1;
const SHORT = { rates: ['2000'], seconds: '4', 'warm-up': '0' };

const { values } = parseArgs({
  options: {
    rate: { type: 'string', multiple: true, default: ['2000', '10000'] },
    seconds: { type: 'string', default: '30' },
    'warm-up': { type: 'string', default: '30' },
    build: { type: 'string', default: OWN_BUILD },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else await onCluster(bench);

async function bench(cluster: Cluster): Promise<void> {
  const deployment = await deploy(cluster, { partitions: PARTITIONS, build: values.build });
  const encoder = await createPlatformEncoder(cluster.registryUrl, deployment.topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const processor = new MeasuredProcessor(deployment, values.build);
  try {
    await processor.firstRunning();
    await measureAll({ deployment, encoder, producer, logs, processor });
  } finally {
    await processor.stopAndRemove();
    await logs.close();
    await producer.disconnect();
  }
}

interface Bench {
  readonly deployment: Deployment;
  readonly encoder: PlatformEncoder;
  readonly producer: Producer;
  readonly logs: KafkaLogs;
  readonly processor: MeasuredProcessor;
}

async function measureAll(bench: Bench): Promise<void> {
  const { events, synchronized } = bench.deployment.topics;
  const outbound = partitionsOf(synchronized, PARTITIONS);
  const announcements = new AnnouncementTimes({ ...bench, events, outbound });
  try {
    const seconds = Number(values.short ? SHORT.seconds : values.seconds);
    const warmUp = Number(values.short ? SHORT['warm-up'] : values['warm-up']);
    const rates = (values.short ? SHORT.rates : values.rate).map(Number);
    if (warmUp > 0)
      for (const rate of rates) await measureRate(bench, announcements, { rate, seconds: warmUp, label: 'warm-up: ' });
    await measureIdle(bench, announcements, seconds);
    for (const rate of rates) await measureRate(bench, announcements, { rate, seconds, label: '' });
  } finally {
    await announcements.close();
  }
}

async function measureIdle(bench: Bench, times: AnnouncementTimes, seconds: number): Promise<void> {
  const companies = (seconds * 1000) / IDLE_INTERVAL_MS;
  const shape = { companies, inFlight: companies, datasetsPerCompany: 1, statuses: ['Complete'] };
  const manifests: WorkloadRecord[] = [];
  const completing: WorkloadRecord[] = [];
  for (const record of workload(shape, bench.encoder, new SeededRandom(SEED)))
    (record.completes ? completing : manifests).push(record);
  await catchUpWith(bench, manifests);
  const sending: Promise<void>[] = [];
  for (const record of completing) {
    sending.push(times.send([record]));
    await delay(IDLE_INTERVAL_MS);
  }
  await Promise.all(sending);
  await times.report(`idle, one every ${IDLE_INTERVAL_MS} ms`);
}

interface Load {
  /** Records a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Text before its line of figures. */
  readonly label: string;
}

async function measureRate(bench: Bench, times: AnnouncementTimes, { rate, seconds, label }: Load): Promise<void> {
  const shape = { companies: Infinity, inFlight: IN_FLIGHT, datasetsPerCompany: DATASETS, statuses: USUAL_STATUSES };
  const records = workload(shape, bench.encoder, new SeededRandom(SEED));
  // After these records, as many companies complete as begin.
  await catchUpWith(bench, take(records, IN_FLIGHT * recordsPerCompany(shape)));

  const before = bench.processor.usage();
  const sent = await sendSteadily({ records, times }, rate, seconds);
  const { userUs, systemUs } = usedSince(before, bench.processor.usage());
  const cpu = (userUs + systemUs) / 1e4 / seconds;
  await times.report(`${label}${thousands(sent / seconds)} records/s (CPU of the processor ${cpu.toFixed(0)} %)`);
}

/** Writes records that are not measured, and waits until they are processed. */
async function catchUpWith({ deployment, producer, logs, processor }: Bench, records: Iterable<WorkloadRecord>) {
  await fill(producer, deployment.topics.events, records);
  await consumed(logs, partitionsOf(deployment.topics.events, PARTITIONS), processor);
}
