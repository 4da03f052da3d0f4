/** How soon a contestant announces a company, at a steady rate and around a crash. */
import { rmSync } from 'node:fs';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { createPlatformEncoder } from '../../testkit/platform-events.js';
import { SeededRandom } from '../../testkit/seeded-random.js';
import type { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { AnnouncementTimes } from '../lib/announcement-times.js';
import { SCHEMAS_FOLDER } from '../lib/deployment.js';
import { quantile } from '../lib/figures.js';
import { connectProducer, fill } from '../lib/input.js';
import { cpuUsOf, residentMemory } from '../lib/process-usage.js';
import { offsetEnds, transactionsBetween } from '../lib/offset-transactions.js';
import { sendSteadily, take, type SteadyStream } from '../lib/steady-rate.js';
import { consumed, logsOf, partitionsOf } from '../lib/topic-reading.js';
import { recordsPerCompany, USUAL_STATUSES, workload } from '../lib/workload.js';
import { brokerCpuUs } from './catch-up.js';
import type { Contestant, ContestantProcess, Installed } from './contestant.js';
import type { Figures } from './table.js';

const PARTITIONS = 4;
const DATASETS = 20;
const IN_FLIGHT = 1_000;
const SEED = 1;

type Measurement = (stream: Stream, process: ContestantProcess, installed: Installed) => Promise<Figures>;

interface Stream extends SteadyStream {
  readonly logs: KafkaLogs;
}

export interface Load {
  /** Records a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Seconds at this rate before the measurement. */
  readonly warmUp: number;
}

export function steady(cluster: Cluster, contestant: Contestant, load: Load): Promise<Figures> {
  return withStream(cluster, contestant, async (stream, process) => {
    await sendSteadily(stream, load.rate, load.warmUp);
    await stream.times.latencies();
    const from = await offsetEnds(cluster.bootstrap, stream.logs);
    const before = { own: cpuUsOf(process.pid), broker: brokerCpuUs(cluster) };
    const sent = await sendSteadily(stream, load.rate, load.seconds);
    const sorted = await stream.times.latencies();
    const after = { own: cpuUsOf(process.pid), broker: brokerCpuUs(cluster) };
    const to = await offsetEnds(cluster.bootstrap, stream.logs);
    return {
      transactionsPerSecond: (await transactionsBetween(stream.logs, from, to)) / load.seconds,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      cpuUs: (after.own - before.own) / sent,
      brokerCpuUs: (after.broker - before.broker) / sent,
      memory: residentMemory(process.pid),
    };
  });
}

/** The longest wait for an announcement while the process is killed and started again at once. */
export function crash(
  cluster: Cluster,
  contestant: Contestant,
  load: Load,
  { stateLost }: { readonly stateLost: boolean },
): Promise<Figures> {
  return withStream(cluster, contestant, async (stream, process, installed) => {
    await sendSteadily(stream, load.rate, load.warmUp);
    await stream.times.latencies();
    const sending = sendSteadily(stream, load.rate, load.seconds);
    await process.kill();
    if (stateLost) rmSync(process.stateDir, { recursive: true });
    const next = installed.start(process.stateDir);
    try {
      await sending;
      return { outageMs: quantile(await stream.times.latencies(), 1) };
    } finally {
      await next.stopAndRemove();
    }
  });
}

async function withStream(cluster: Cluster, contestant: Contestant, measure: Measurement): Promise<Figures> {
  const installed = await contestant.install(cluster, PARTITIONS);
  const { topics, applicationId } = installed.deployment;
  const encoder = await createPlatformEncoder(cluster.registryUrl, topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const logs = logsOf(cluster.bootstrap, applicationId);
  const process = installed.start();
  const outbound = partitionsOf(topics.synchronized, PARTITIONS);
  const times = new AnnouncementTimes({ producer, logs, outbound, events: topics.events, processor: ALWAYS_RUNS });
  try {
    const shape = { companies: Infinity, inFlight: IN_FLIGHT, datasetsPerCompany: DATASETS, statuses: USUAL_STATUSES };
    const records = workload(shape, encoder, new SeededRandom(SEED));
    // After these records, as many companies complete as begin.
    await fill(producer, topics.events, take(records, IN_FLIGHT * recordsPerCompany(shape)));
    await consumed(logs, partitionsOf(topics.events, PARTITIONS), process);
    return await measure({ records, times, logs }, process, installed);
  } finally {
    await times.close();
    await process.stopAndRemove();
    await logs.close();
    await producer.disconnect();
  }
}

/** A crash ends the process that is measured: whether announcements come is told by them alone. */
const ALWAYS_RUNS = { mustRun: (): void => undefined };
