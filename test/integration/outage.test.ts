/**
 * The only broker is away: each instance reports that within 30 s, shows no old values as current, and its log stays
 * small. When the broker is back, everything continues without help.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SCHEMAS } from '../../src/ops/api-schemas.js';
import type { Broker, Cluster } from '../../testkit/cluster/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const PARTITIONS = 12;
const OUTAGE_MS = 80_000;
/** The most bytes of log in OUTAGE_MS. Without a limit it was about 2 MB. */
const MAX_LOG_BYTES = 100_000;
/** Of each partition, when the broker is killed: more than an instance decides before that. */
const COMPANIES_UNDER_WAY = 1_000;

const processors = new Processors();
let cluster: Cluster;
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  cluster = await startOwnCluster({ registry: false });
  const { registryUrl } = currentCluster();
  deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl }, { partitions: PARTITIONS });
  platform = await Platform.connect(deployment);
});

afterAll(async () => {
  await processors.endAll();
  await platform.close();
  await cluster.stop();
});

async function inspected(processor: Processor) {
  const answer = await (await processor.get('/partitions?scope=deployment')).json();
  return SCHEMAS.partitions.parse(answer);
}

async function lagSeries(processor: Processor): Promise<number> {
  const metrics = await (await processor.get('/metrics')).text();
  return [...metrics.matchAll(/^company_sync_(lag_records|oldest_uncommitted_seconds)\{/gm)].length;
}

function bytesOf(lines: readonly object[]): number {
  return lines.reduce((sum, line) => sum + JSON.stringify(line).length, 0);
}

async function brokersUp(processor: Processor): Promise<string | undefined> {
  const metrics = await (await processor.get('/metrics')).text();
  return /^company_sync_dependency_up\{dependency="brokers"\} (.)$/m.exec(metrics)?.[1];
}

test('an idle instance shows that the brokers are unreachable, and that they are back', async () => {
  const processor = await processors.startReady(deployment);
  const broker = cluster.brokers[0] as Broker;
  await consumed(deployment, await platform.send(platform.completeCompany('before', { partition: 0 })));
  await processor.poll(async () => (await lagSeries(processor)) === 2 * PARTITIONS, 'its lag is known', 30_000);
  expect(await brokersUp(processor)).toBe('1');

  const linesBefore = processor.log.length;
  const beganAt = Date.now();
  await broker.kill();
  await processor.poll(async () => (await processor.get('/readyz')).status === 503, 'it is not ready', 40_000);
  expect(Date.now() - beganAt).toBeLessThan(32_000);
  const [brokers] = SCHEMAS.readiness.parse(await (await processor.get('/readyz')).json()).dependencies;
  expect(brokers).toMatchObject({ dependency: 'brokers', reachable: false });
  expect(await brokersUp(processor)).toBe('0');
  expect((await inspected(processor)).dependencies?.[0]?.cause).toContain('ECONNREFUSED');

  await processor.poll(async () => (await lagSeries(processor)) === 0, 'what is not known is not told', OUTAGE_MS);
  const { partitions, failing } = await inspected(processor);
  expect(partitions.map(({ lag, stale }) => ({ lag, stale }))).toEqual(
    Array(PARTITIONS).fill({ lag: null, stale: true }),
  );
  expect(failing?.map(({ part }) => part)).toEqual(expect.arrayContaining(['group', 'client-settings', 'partition']));
  await delay(Math.max(0, beganAt + OUTAGE_MS - Date.now()));
  const bytes = bytesOf(processor.log.slice(linesBefore));
  console.info(`log of ${OUTAGE_MS / 1000} s without brokers, idle: ${bytes} bytes`);
  expect(bytes).toBeLessThan(MAX_LOG_BYTES);

  await broker.start();
  await processor.ready();
  expect(await brokersUp(processor)).toBe('1');
  await consumed(deployment, await platform.send(platform.completeCompany('after', { partition: 0 })));
  expect(await announcedCompanies(deployment)).toEqual(expect.arrayContaining(['before', 'after']));
  await processor.stop();
}, 240_000);

test('partitions that fail during their work report what they wait for now', async () => {
  const processor = await processors.startReady(deployment);
  const broker = cluster.brokers[0] as Broker;
  const backlog = (name: string, companies: number) =>
    [...Array(PARTITIONS * companies).keys()].flatMap((i) =>
      platform.completeCompany(`${name}-${i}`, { partition: i % PARTITIONS }),
    );
  await platform.send(backlog('first', 1));
  const atWork = async () => (await inspected(processor)).partitions.every(({ position }) => position !== null);
  await processor.poll(atWork, 'all partitions are at work', 30_000);

  await platform.send(backlog('busy', COMPANIES_UNDER_WAY));
  await processor.logged(({ companyId }) => String(companyId).startsWith('busy-'), 'the backlog is under way');
  const linesBefore = processor.log.length;
  const beganAt = Date.now();
  await broker.kill();
  const waits = async () =>
    (await inspected(processor)).partitions.some(({ reason }) =>
      reason?.includes('until the group confirms this member'),
    );
  // A partition that looks for open transactions asks for 30 s before it fails.
  await processor.poll(waits, 'a partition says what it waits for', 60_000);
  await delay(Math.max(0, beganAt + OUTAGE_MS - Date.now()));
  const bytes = bytesOf(processor.log.slice(linesBefore).filter(({ companyId }) => companyId === undefined));
  console.info(`log of ${OUTAGE_MS / 1000} s without brokers, busy: ${bytes} bytes`);
  expect(bytes).toBeLessThan(MAX_LOG_BYTES);
  await broker.start();
  await processor.ready();
  await processor.stop();
}, 240_000);
