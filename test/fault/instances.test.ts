/** Instances come and go while records keep coming. */
import { shared } from '../support/assignments.js';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { SteadyLoad } from '../support/steady-load.js';

const PARTITIONS = 4;

const processors = new Processors();
let platform: Platform | undefined;
let load: SteadyLoad | undefined;
afterEach(async () => {
  await load?.stop();
  await processors.endAll();
  await platform?.close();
});

test('nothing is lost or announced twice while instances share, leave, join, are killed and come back', async () => {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
  platform = await Platform.connect(deployment);
  await platform.choose('client-1', 'ALL_DATASETS');
  load = new SteadyLoad(platform, deployment);
  const a = await processors.startReady(deployment);
  const b = processors.start(deployment);
  await shared([a, b], PARTITIONS);
  await consumed(deployment, await load.more());

  expect(await a.stop()).toBe(0);
  await shared([b], PARTITIONS);
  await consumed(deployment, await load.more());

  const aAgain = processors.start(deployment, { stateDir: a.stateDir });
  await shared([aAgain, b], PARTITIONS);
  await consumed(deployment, await load.more());

  await b.kill();
  await shared([aAgain], PARTITIONS);
  await consumed(deployment, await load.more());

  const bAgain = processors.start(deployment, { stateDir: b.stateDir });
  await shared([aAgain, bAgain], PARTITIONS);
  await consumed(deployment, await load.stop());
  expect(await Promise.all([aAgain.stop(), bAgain.stop()])).toEqual([0, 0]);

  const report = await cleanAudit(deployment, 1);
  expect(report.announced).toBeGreaterThan(0);
});
