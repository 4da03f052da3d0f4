/** A restore that is killed continues from its position, and the restored state is complete. */
import { currentCluster } from '../support/current-cluster.js';
import { deploy } from '../../testkit/deployment.js';
import { killedItself, startHalting } from '../support/halting-instance.js';
import { announcements, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { restoreOf } from '../support/restore-log.js';

/** Together more bytes than one read of a changelog returns. */
const COMPANIES = 150;
const DATASETS = 1_000;
const PARTS_BEFORE_THE_KILL = 2;

const processors = new Processors();
let platform: Platform | undefined;
afterEach(async () => {
  await processors.endAll();
  await platform?.close();
});

test('a restore that was killed continues from its last position', async () => {
  const deployment = await deploy(currentCluster(), { partitions: 1 });
  platform = await Platform.connect(deployment);
  const first = await processors.startReady(deployment);
  for (let i = 0; i < COMPANIES; i++) {
    const datasets = Array.from({ length: DATASETS }, (_, n) => `dataset ${n} of company ${i}`);
    await platform.send([platform.manifest(`company-${i}`, { datasets }, { partition: 0 })]);
  }
  const last = await platform.send([platform.unlink('nobody', 'connection-1', { partition: 0 })]);
  await consumed(deployment, last);
  expect(await first.stop()).toBe(0);

  const killed = startHalting(processors, deployment, {
    signal: 'SIGKILL',
    partition: 0,
    moment: 'replayed',
    batch: PARTS_BEFORE_THE_KILL,
  });
  await killedItself(killed);
  expect(restoreOf(killed.log, 0)?.start).toBe(0);

  const { stateDir } = killed;
  const again = await processors.startReady(deployment, { stateDir });
  const rest = restoreOf(again.log, 0);
  const progress = killed.log.find(({ msg }) => msg.startsWith('restoring state'));
  // The log reports the first part; the second one was in the store too.
  expect(rest?.start).toBeGreaterThan(progress?.['position'] as number);
  expect(rest?.end).toBe(restoreOf(killed.log, 0)?.end);
  expect(rest?.start).toBeLessThan(rest?.end ?? 0);

  // Companies of the part before the kill, of the end of the rest, and of the middle.
  const completed = [0, COMPANIES / 2, COMPANIES - 1];
  const records = completed.flatMap((i) => [
    platform?.status(`company-${i}`, `dataset 7 of company ${i}`, 'Complete', {}, { partition: 0 }),
    platform?.unlink(`company-${i}`, 'connection-1', { partition: 0 }),
  ]);
  await consumed(deployment, await platform.send(records.flatMap((record) => record ?? [])));
  const announced = await announcements(deployment);
  expect(announced.map(({ event }) => [event.companyId, event.succeeded, event.ended])).toEqual(
    completed.map((i) => [`company-${i}`, 1, DATASETS - 1]),
  );
});
