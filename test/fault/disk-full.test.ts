/**
 * The disk of the state is full. A batch that cannot be applied to the local store must not be committed: no offset, no
 * announcement, no dead letter. (A processor that commits first and applies later would pass every other test.)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { historyPortions } from '../support/history-portions.js';
import { committedOffset, committedRecords, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { SmallDisk } from '../support/small-disk.js';

const PORTIONS = 3;
const RETRY_TIMEOUT_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'full-disk-'));
const disk = SmallDisk.mount(folder);
const onSmallDisk = typeof disk === 'string' ? test.skip : test;
if (typeof disk === 'string') console.warn(`the full-disk test is skipped: ${disk}`);

const processors = new Processors();
let platform: Platform | undefined;
afterAll(async () => {
  await processors.endAll();
  await platform?.close();
  if (typeof disk !== 'string') disk.unmount();
  rmSync(folder, { recursive: true, force: true });
});

onSmallDisk(
  'nothing is committed that a full disk does not take, and it goes on by itself when there is room',
  async () => {
    if (typeof disk === 'string') throw new Error(disk);
    const deployment = await deploy(currentCluster(), { partitions: 1 });
    platform = await Platform.connect(deployment);
    await platform.choose('client-1', 'ALL_DATASETS');
    const [fits = [], doesNot = [], after = []] = historyPortions(platform, deployment, {
      partition: 0,
      firstOffset: 0,
      portions: PORTIONS,
      companies: 50,
      seed: 1,
    });
    const processor = await processors.startReady(deployment, { stateDir: join(folder, 'state') });
    await consumed(deployment, await platform.send(fits));

    await disk.fill();
    const before = await visible(deployment);
    await platform.send(doesNot);
    for (let failures = 1; failures <= 3; failures++) {
      await failed(processor, failures);
      expect(await visible(deployment)).toEqual(before);
    }
    const { reason } = await processor.partitionIs(0, 'waiting');
    expect(reason).toMatch(/No space left on device/);

    disk.free();
    await consumed(deployment, await platform.send(after));
    await processor.ready();
    expect(await processor.stop()).toBe(0);
    await cleanAudit(deployment, 1);
  },
);

/** Everything that others see of the processor. */
async function visible(deployment: Deployment): Promise<{ offset: number; announced: number; deadLetters: number }> {
  const { synchronized, deadLetters } = deployment.topics;
  return {
    offset: await committedOffset(deployment, 0),
    announced: (await committedRecords(deployment, synchronized)).length,
    deadLetters: (await committedRecords(deployment, deadLetters)).length,
  };
}

/** Resolves once the partition was given up this many times. */
async function failed(processor: Processor, times: number): Promise<void> {
  const failures = async () => (await processor.partitionErrors()) >= times;
  await processor.poll(failures, `${times} failures`, RETRY_TIMEOUT_MS);
}
