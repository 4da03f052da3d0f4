/** An instance that stops reports whether another instance is ready for its partitions. */
import { shared } from '../support/assignments.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const PARTITIONS = 2;
const COMPANIES = 20;

const processors = new Processors();
let platform: Platform | undefined;
afterEach(async () => {
  await processors.endAll();
  await platform?.close();
});

/** Two instances that share the partitions. Before, the first one ran both partitions and processed records. */
async function two(settings: Readonly<Record<string, string>>): Promise<readonly [Processor, Processor]> {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS, settings });
  platform = await Platform.connect(deployment);
  const first = await processors.startReady(deployment);
  const records = Array.from({ length: COMPANIES }, (_, i) =>
    platform?.completeCompany(`company-${i}`, { partition: i % PARTITIONS }),
  );
  await consumed(deployment, await platform.send(records.flatMap((company) => company ?? [])));
  const second = processors.start(deployment);
  await shared([first, second], PARTITIONS);
  return [first, second];
}

/** Stops it. @returns its report about its partitions */
async function lastWords(processor: Processor): Promise<readonly string[]> {
  expect(await processor.stop()).toBe(0);
  return processor.log.map(({ msg }) => msg).filter((msg) => /^partitions? \d/.test(msg));
}

test('a standby is reported, with how far it is behind', async () => {
  const [first, second] = await two({ NUM_STANDBY: '1' });
  const followed = async () =>
    /^company_sync_standby_lag_records\{.*\} 0$/m.test(await (await second.get('/metrics')).text());
  await second.poll(followed, 'its standby has followed the changelog', 30_000);
  const where = await second.address();
  expect(await lastWords(first)).toEqual([
    expect.stringMatching(new RegExp(`^partition \\d: a standby on ${where} is up to 0 changelog records behind$`)),
  ]);
});

test('a stopping instance reports that no instance has the state, or that no other instance is in the group', async () => {
  const [first, second] = await two({ NUM_STANDBY: '0' });
  expect(await lastWords(first)).toEqual([
    expect.stringMatching(
      /^partition \d: no other instance holds their state, so the next owner restores up to [1-9]\d* change/,
    ),
  ]);
  await second.logged(
    ({ msg, partitions }) =>
      msg === 'partitions assigned' && Array.isArray(partitions) && partitions.length === PARTITIONS,
    'it has all partitions',
  );
  expect(await lastWords(second)).toEqual([
    'partitions 0, 1: no other instance is in the group, so nothing runs until you start one',
  ]);
});

test('state on the disk of another instance is reported', async () => {
  const [first, second] = await two({ NUM_STANDBY: '0' });
  const where = await first.address();
  expect(await lastWords(second)).toEqual([
    expect.stringMatching(new RegExp(`^partition \\d: the state on ${where} is up to \\d changelog records behind$`)),
  ]);
});
