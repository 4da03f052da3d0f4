/** How fast a contestant processes a backlog, and what it uses for each record. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import type { TopicPartition } from '../../src/lib/record.js';
import type { KafkaLogs } from '../../src/kafka/reading/kafka-logs.js';
import { cpuUsOf, peakMemory } from '../lib/process-usage.js';
import { logsOf, partitionsOf, readWhole } from '../lib/topic-reading.js';
import type { Contestant, ContestantProcess, Installed } from './contestant.js';
import type { Figures } from './table.js';

export interface Backlog {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

const POLL_MS = 25;
/** The part of the backlog that is processed before the measurement: both sides compile their code meanwhile. */
const WARM_UP_SHARE = 0.25;

interface Point {
  readonly records: number;
  readonly atMs: number;
  readonly cpuUs: number;
  readonly brokerUs: number;
}

export async function catchUp(cluster: Cluster, contestant: Contestant, backlog: Backlog) {
  const installed = await contestant.install(cluster, backlog.partitions, backlog.topic);
  const logs = logsOf(cluster.bootstrap, installed.deployment.applicationId);
  const process = installed.start();
  try {
    const input = partitionsOf(backlog.topic, backlog.partitions);
    const until = (records: number) => processed(cluster, logs, input, process, records);
    const from = await until(backlog.records * WARM_UP_SHARE);
    const to = await until(backlog.records);
    const memory = peakMemory(process.pid);
    await process.stopAndRemove();
    return { installed, figures: { ...between(from, to), ...(await written(logs, installed, to)), memory } };
  } finally {
    await process.stopAndRemove();
    await logs.close();
  }
}

/** Waits until the group has committed so many records of the input. */
async function processed(
  cluster: Cluster,
  logs: KafkaLogs,
  input: readonly TopicPartition[],
  process: ContestantProcess,
  atLeast: number,
): Promise<Point> {
  for (;;) {
    process.mustRun();
    const committed = await Promise.all(input.map((partition) => logs.committedOffset(partition)));
    const records = committed.reduce((sum, one) => sum + (one?.offset ?? 0), 0);
    if (records >= atLeast)
      return { records, atMs: performance.now(), cpuUs: cpuUsOf(process.pid), brokerUs: brokerCpuUs(cluster) };
    await delay(POLL_MS);
  }
}

/** CPU time of all brokers that are processes of this machine, in microseconds. */
export function brokerCpuUs({ brokers }: Cluster): number {
  return brokers.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuUsOf(pid)), 0);
}

function between(from: Point, to: Point): Pick<Figures, 'recordsPerSecond' | 'cpuUs' | 'brokerCpuUs'> {
  const records = to.records - from.records;
  return {
    recordsPerSecond: (records * 1000) / (to.atMs - from.atMs),
    cpuUs: (to.cpuUs - from.cpuUs) / records,
    brokerCpuUs: (to.brokerUs - from.brokerUs) / records,
  };
}

/** What it wrote to its changelog, by records of the input. */
async function written(logs: KafkaLogs, { changelog, deployment }: Installed, { records }: Point) {
  let bytes = 0;
  await readWhole(logs, partitionsOf(changelog, deployment.partitions), ({ key, value }) => {
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
  });
  return { changelogBytes: bytes / records };
}
