/**
 * The only broker is away: each instance reports that within 30 s, shows no old values as current, and its log stays
 * small. When the broker is back, everything continues without help.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SCHEMAS } from '../../src/ops/api-schemas.js';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { currentCluster } from '../support/current-cluster.js';
import { startOwnCluster } from '../../testkit/cluster/start-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type LogLine, type Processor } from '../../testkit/processor.js';

const PARTITIONS = 12;
const OUTAGE_MS = 80_000;
/** The most bytes of log in OUTAGE_MS. Without a limit it was about 2 MB. */
const MAX_LOG_BYTES = 100_000;
/** Of each partition, when the broker is killed: more than an instance decides before that. */
const COMPANIES_UNDER_WAY = 1_000;

const processors = new Processors();
let cluster: Cluster;
/** Two deployments share the outage, which is long. */
let idle: Instance;
let busy: Instance;
let beganAt: number;
let busyWaits: Promise<void>;

/** The only instance of a deployment. */
interface Instance {
  readonly deployment: Deployment;
  readonly platform: Platform;
  readonly processor: Processor;
  /** The lines of its log before the outage. */
  linesBefore: number;
}

beforeAll(async () => {
  cluster = await startOwnCluster({ registry: false });
  idle = await start();
  busy = await start();
  await becomeIdle(idle);
  await becomeBusy(busy);
  for (const instance of [idle, busy]) instance.linesBefore = instance.processor.log.length;
  beganAt = Date.now();
  await cluster.brokers[0]!.kill();
  const waits = async () =>
    (await inspected(busy.processor)).partitions.some(({ reason }) =>
      reason?.includes('until the group confirms this member'),
    );
  // A partition that looks for open transactions asks for 30 s before it fails.
  busyWaits = busy.processor.poll(waits, 'a partition says what it waits for', 60_000);
  busyWaits.catch(() => undefined); // Its test is not there yet.
}, 240_000);

afterAll(async () => {
  await processors.endAll();
  await Promise.all([idle, busy].map((instance) => instance?.platform.close()));
  await cluster.stop();
});

async function start(): Promise<Instance> {
  const { registryUrl } = currentCluster();
  const deployment = await deploy({ bootstrap: cluster.bootstrap, registryUrl }, { partitions: PARTITIONS });
  const platform = await Platform.connect(deployment);
  return { deployment, platform, processor: await processors.startReady(deployment), linesBefore: 0 };
}

async function becomeIdle({ deployment, platform, processor }: Instance): Promise<void> {
  await consumed(deployment, await platform.send(platform.completeCompany('before', { partition: 0 })));
  await processor.poll(async () => (await lagSeries(processor)) === 2 * PARTITIONS, 'its lag is known', 30_000);
  expect(await brokersUp(processor)).toBe('1');
}

async function becomeBusy({ platform, processor }: Instance): Promise<void> {
  const backlog = (name: string, companies: number) =>
    [...Array(PARTITIONS * companies).keys()].flatMap((i) =>
      platform.completeCompany(`${name}-${i}`, { partition: i % PARTITIONS }),
    );
  await platform.send(backlog('first', 1));
  const atWork = async () => (await inspected(processor)).partitions.every(({ position }) => position !== null);
  await processor.poll(atWork, 'all partitions are at work', 30_000);

  await platform.send(backlog('busy', COMPANIES_UNDER_WAY));
  await processor.logged(({ companyId }) => String(companyId).startsWith('busy-'), 'the backlog is under way');
}

/** The log since the brokers are away, once that is long enough. */
async function logOfOutage({ processor, linesBefore }: Instance): Promise<LogLine[]> {
  await delay(Math.max(0, beganAt + OUTAGE_MS - Date.now()));
  return processor.log.slice(linesBefore);
}

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

test('an idle instance shows that the brokers are unreachable', async () => {
  const { processor } = idle;
  await processor.poll(async () => (await processor.get('/readyz')).status === 503, 'it is not ready', 40_000);
  expect(Date.now() - beganAt).toBeLessThan(32_000);
  const [brokers] = SCHEMAS.readiness.parse(await (await processor.get('/readyz')).json()).dependencies;
  expect(brokers).toMatchObject({ dependency: 'brokers', reachable: false });
  expect(await brokersUp(processor)).toBe('0');
  expect((await inspected(processor)).dependencies?.[0]?.cause).toContain('ECONNREFUSED');

  await processor.poll(async () => (await lagSeries(processor)) === 0, 'what is not known is not told', OUTAGE_MS);
  expect((await inspected(processor)).partitions.map(({ lag, stale }) => ({ lag, stale }))).toEqual(
    Array(PARTITIONS).fill({ lag: null, stale: true }),
  );
  const allFail = async () => {
    const parts: readonly string[] = (await inspected(processor)).failing?.map(({ part }) => part) ?? [];
    return ['group', 'client-settings', 'partition'].every((part) => parts.includes(part));
  };
  await processor.poll(allFail, 'each part without progress for a minute is listed', OUTAGE_MS);
  const bytes = bytesOf(await logOfOutage(idle));
  console.info(`log of ${OUTAGE_MS / 1000} s without brokers, idle: ${bytes} bytes`);
  expect(bytes).toBeLessThan(MAX_LOG_BYTES);
}, 240_000);

test('partitions that fail during their work report what they wait for now', async () => {
  await busyWaits;
  const bytes = bytesOf((await logOfOutage(busy)).filter(({ companyId }) => companyId === undefined));
  console.info(`log of ${OUTAGE_MS / 1000} s without brokers, busy: ${bytes} bytes`);
  expect(bytes).toBeLessThan(MAX_LOG_BYTES);
}, 240_000);

test('when the brokers are back, both continue without help', async () => {
  await cluster.brokers[0]!.start();
  await Promise.all([idle, busy].map(({ processor }) => processor.ready()));
  const { deployment, platform, processor } = idle;
  expect(await brokersUp(processor)).toBe('1');
  await consumed(deployment, await platform.send(platform.completeCompany('after', { partition: 0 })));
  expect(await announcedCompanies(deployment)).toEqual(expect.arrayContaining(['before', 'after']));
  await Promise.all([idle, busy].map(({ processor }) => processor.stop()));
}, 240_000);
