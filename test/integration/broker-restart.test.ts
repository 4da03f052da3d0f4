/**
 * The only broker is killed or stopped under load: the same instance continues, and an audit finds no anomaly.
 * Sometimes the broker leaves a transaction open in some places (Kafka 4.3.1, docs/architecture.md), and the instance
 * ends it again. To repeat it more often: `npm run build`, then `OUTAGES=60 npx jest --selectProjects=kafka
 * --testPathPatterns=broker-restart`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform, type Place, type PlatformRecord } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';

const processors = new Processors();
let cluster: Cluster;
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  cluster = await startOwnCluster({ registry: false });
  deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl: currentCluster().registryUrl });
  platform = await Platform.connect(deployment);
});

afterAll(async () => {
  await processors.endAll();
  await platform.close();
  await cluster.stop();
});

const OUTAGES = Number(process.env['OUTAGES'] ?? 3);
const OUTAGE_TIMEOUT_MS = 40_000;
/** The pause between two writes, so the broker has time to start. */
const PACE_MS = 20;
const COMPANIES_A_WRITE = 5;

test(
  'an instance survives the restart of its only broker',
  async () => {
    const [broker] = cluster.brokers;
    if (broker === undefined) throw new Error('the cluster has no broker');
    const processor = await processors.startReady(deployment);
    const companies = await writeWhile(async () => {
      for (let outage = 1; outage <= OUTAGES; outage++) {
        await written(3);
        await (outage % 3 === 0 ? broker.stop() : broker.kill());
        await broker.start();
      }
      await written(3);
    });
    await processor.explained(consumed(deployment, await lastOfEachPartition()));
    await processor.ready();
    expect(processor.running).toBe(true);
    const { announced, anomalies } = await auditCluster({ ...deployment, settingsInPlaceBefore: 0 });
    expect(anomalies).toEqual([]);
    expect(announced).toBe(companies);
  },
  OUTAGES * OUTAGE_TIMEOUT_MS,
);

let writes = 0;

async function written(more: number): Promise<void> {
  const target = writes + more;
  while (writes < target) await delay(PACE_MS);
}

/**
 * Writes companies that will be announced. Whatever the broker does, each record is written at least once and in order.
 */
async function writeWhile(event: () => Promise<void>): Promise<number> {
  let companies = 0;
  let over = false;
  const writing = (async () => {
    while (!over) {
      const records: PlatformRecord[] = [];
      for (let i = 0; i < COMPANIES_A_WRITE; i++) records.push(...historyOf(`company-${companies++}`));
      await insist(() => platform.send(records));
      writes++;
      await delay(PACE_MS);
    }
  })();
  try {
    await event();
  } finally {
    over = true;
  }
  await writing;
  return companies;
}

function historyOf(company: string): PlatformRecord[] {
  const datasets = ['1', '2', '3'];
  return [
    platform.status(company, '1', 'Queued'),
    platform.manifest(company, { datasets }),
    ...datasets.map((dataset) => platform.status(company, dataset, 'Fetching')),
    ...datasets.map((dataset) => platform.status(company, dataset, dataset === '2' ? 'MapError' : 'Complete')),
  ];
}

/** All attempts of the producer itself may fail during the outage. */
async function insist<T>(write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

function lastOfEachPartition(): Promise<Place[]> {
  const partitions = [...Array(deployment.partitions).keys()];
  return platform.send(
    partitions.map((partition) => platform.status(`last-${partition}`, '1', 'Queued', {}, { partition })),
  );
}
