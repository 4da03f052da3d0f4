/**
 * A producer quota far below what the backlog needs. The brokers throttle each connection for longer than a transaction
 * may be open, so batches of the usual size would be aborted again and again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { committedOffset, consumed } from '../support/outbound.js';
import { Platform, type Place } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const CONFIGS_TOOL = 'kafka.admin.ConfigCommand';
const COMPANIES = 20_000;
const COMPANIES_PER_REQUEST = 1_000;
/** Bytes a second for the client id of the deployment; a batch of the usual size has more than 1 MB. */
const QUOTA = 20_000;
const WATCHED_MS = 60_000;
const SAMPLE_MS = 500;
const TIMEOUT_MS = 180_000;

const processors = new Processors();
let platform: Platform | undefined;
afterEach(async () => {
  await processors.endAll();
  await platform?.close();
});

test(
  'a quota makes a partition slow, but it continues to commit, and is hardly ever taken over',
  async () => {
    const deployment = await deploy(currentCluster(), { partitions: 1 });
    platform = await Platform.connect(deployment);
    const places = await backlog(platform);
    await setQuota(deployment, ['--add-config', `producer_byte_rate=${QUOTA}`]);

    const processor = await processors.startReady(deployment);
    const positions = await watched(deployment, WATCHED_MS);
    expect(await processor.partitionErrors()).toBeLessThanOrEqual(2);
    expect(new Set(positions).size).toBeGreaterThanOrEqual(6);
    expect(Math.max(...positions)).toBeLessThan(places.length); // the quota is in force
    expect(reasons(processor).join('\n')).toMatch(/at most \d+ records, because one took .* throttling/);

    await setQuota(deployment, ['--delete-config', 'producer_byte_rate']);
    await consumed(deployment, places);
    await processor.stop();
    await cleanAudit(deployment);
  },
  TIMEOUT_MS,
);

async function backlog(to: Platform): Promise<Place[]> {
  const places: Place[] = [];
  for (let first = 0; first < COMPANIES; first += COMPANIES_PER_REQUEST) {
    const ids = Array.from({ length: COMPANIES_PER_REQUEST }, (_, i) => `company-${first + i}`);
    places.push(...(await to.send(ids.flatMap((id) => to.completeCompany(id)))));
  }
  return places;
}

function setQuota({ applicationId }: Deployment, change: readonly string[]): Promise<string> {
  const entity = ['--entity-type', 'clients', '--entity-name', applicationId];
  return currentCluster().kafkaTool(CONFIGS_TOOL, ['--alter', ...entity, ...change]);
}

/** The group's offset, sampled. */
async function watched(deployment: Deployment, ms: number): Promise<number[]> {
  const positions: number[] = [];
  for (const until = Date.now() + ms; Date.now() < until; await pause(SAMPLE_MS))
    positions.push(await committedOffset(deployment, 0));
  return positions;
}

function reasons({ log }: Processor): string[] {
  return log.filter(({ state }) => state === 'running').map(({ reason }) => String(reason));
}
