/** The disk of the state hangs: the instance reports it, a stop does not wait for it, and nothing is lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { HangingDisk } from '../support/hanging-disk.js';
import { historyPortions } from '../support/history-portions.js';
import { consumed } from '../support/outbound.js';
import { Platform, type Place } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

/** The time from SIGTERM to the end of the process that the contract allows. */
const STOP_LIMIT_MS = 10_000;
/** A call to a store may take 30 s. */
const REPORT_LIMIT_MS = 35_000;

const folder = mkdtempSync(join(tmpdir(), 'hanging-disk-'));
const stateDir = join(folder, 'state');
const disk = HangingDisk.build(stateDir, folder);
const onHangingDisk = typeof disk === 'string' ? test.skip : test;
if (typeof disk === 'string') console.warn(`the hanging-disk test is skipped: ${disk}`);

const processors = new Processors();
let platform: Platform | undefined;
afterEach(async () => {
  if (typeof disk !== 'string') disk.answer();
  await processors.endAll();
  await platform?.close();
  rmSync(stateDir, { recursive: true, force: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A processor that has processed a portion, before its disk hangs. @returns also the next portion */
async function started() {
  if (typeof disk === 'string') throw new Error(disk);
  const deployment = await deploy(currentCluster(), { partitions: 1 });
  platform = await Platform.connect(deployment);
  await platform.choose('client-1', 'ALL_DATASETS');
  const [first = [], second = []] = historyPortions(platform, deployment, {
    partition: 0,
    firstOffset: 0,
    portions: 2,
    companies: 50,
    seed: 1,
  });
  const processor = await processors.startReady(deployment, { stateDir, settings: disk.environment });
  await consumed(deployment, await platform.send(first));
  return { deployment, platform, processor, second, disk };
}

/** SIGTERM, while the disk hangs. */
async function mustStop(processor: Processor): Promise<void> {
  const signalledAt = performance.now();
  expect(await processor.stop()).toBeNull(); // It could only kill itself.
  expect(performance.now() - signalledAt).toBeLessThan(STOP_LIMIT_MS);
}

/** Another process on the same state, once the disk answers again. */
async function mustGoOn(deployment: Deployment, sent: readonly Place[]): Promise<void> {
  const next = await processors.startReady(deployment, { stateDir });
  await consumed(deployment, sent);
  expect(await next.stop()).toBe(0);
  await cleanAudit(deployment, 1);
}

onHangingDisk('a hanging disk is reported, and a stop does not wait for it', async () => {
  const { deployment, platform, processor, second, disk } = await started();
  disk.hang('writes');
  const sent = await platform.send(second);
  const isReported = async () => (await processor.get('/readyz')).status === 503;
  await processor.poll(isReported, 'it says that the disk hangs', REPORT_LIMIT_MS);
  const { reason } = await processor.partitionIs(0, 'waiting');
  expect(reason).toMatch(/the state volume does not answer: .* check the disk of STATE_DIR/);
  await mustStop(processor);
  disk.answer();
  await mustGoOn(deployment, sent);
});

onHangingDisk('nor does one that comes before the hanging disk is noticed', async () => {
  const { deployment, platform, processor, second, disk } = await started();
  disk.hang('writes');
  const sent = await platform.send(second);
  await mustStop(processor);
  disk.answer();
  await mustGoOn(deployment, sent);
});

onHangingDisk('nor does one that comes while nothing but the measuring of the folders hangs', async () => {
  const { deployment, processor, disk } = await started();
  disk.hang('lists');
  await processor.poll(() => Promise.resolve(disk.hasBegun), 'a call hangs', REPORT_LIMIT_MS);
  await mustStop(processor);
  disk.answer();
  await mustGoOn(deployment, []);
});
