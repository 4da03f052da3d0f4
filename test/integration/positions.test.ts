/** What an operator does with `company-sync positions` about blocked partitions, and the results. */
import { currentCluster } from '../support/current-cluster.js';
import { runCommand } from '../../testkit/command.js';
import { createTopics, deploy, type Deployment } from '../../testkit/deployment.js';
import { KafkaOperator } from '../support/kafka-operator.js';
import { announcedCompanies, announcements, committedOffset, consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const PARTITIONS = 2;
/** The number of records that `setStage` writes to each partition. */
const HISTORY = 4;

const processors = new Processors();
const platforms: Platform[] = [];
afterEach(async () => {
  await processors.endAll();
  await Promise.all(platforms.splice(0).map((platform) => platform.close()));
});

interface Stage {
  readonly deployment: Deployment;
  readonly platform: Platform;
  readonly operator: KafkaOperator;
  readonly processor: Processor;
}

/** In each partition `done-<p>` is announced and `open-<p>` waits for dataset 2; an instance runs. */
async function setStage(): Promise<Stage> {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
  const platform = await Platform.connect(deployment);
  platforms.push(platform);
  const processor = await processors.startReady(deployment);
  const records = [...Array(PARTITIONS).keys()].flatMap((partition) => [
    ...platform.completeCompany(`done-${partition}`, { partition }),
    platform.manifest(`open-${partition}`, { datasets: ['1', '2'] }, { partition }),
    platform.status(`open-${partition}`, '1', 'Complete', {}, { partition }),
  ]);
  await consumed(deployment, await platform.send(records));
  return { deployment, platform, operator: new KafkaOperator(currentCluster(), deployment), processor };
}

/** Repeats all records of the announced company, and completes the open one. */
async function finishHistory({ deployment, platform }: Stage, partitions: readonly number[]): Promise<void> {
  const records = partitions.flatMap((partition) => [
    ...platform.completeCompany(`done-${partition}`, { partition }),
    platform.status(`open-${partition}`, '2', 'Complete', {}, { partition }),
  ]);
  await consumed(deployment, await platform.send(records));
}

const positions = ({ deployment }: Stage, ...words: string[]) =>
  runCommand(['positions', ...words], deployment.environment);

interface Shown {
  readonly members: readonly string[];
  readonly partitions: readonly { readonly verdict: string; readonly committed: number | null }[];
}

async function shown(stage: Stage): Promise<Shown & { readonly exitCode: number | null }> {
  const { exitCode, stdout } = await positions(stage, 'show', '--json');
  return { exitCode, ...(JSON.parse(stdout) as Shown) };
}

test('a group whose offsets are lost continues from its state, and nothing is announced twice', async () => {
  const stage = await setStage();
  const { deployment, operator, processor } = stage;
  const running = await shown(stage);
  expect(running).toMatchObject({ exitCode: 0, partitions: Array(PARTITIONS).fill({ verdict: 'consistent' }) });
  expect(running.members).toHaveLength(1);
  await processor.stop();
  await operator.deleteGroup();

  const stopped = processors.start(deployment, { stateDir: processor.stateDir });
  for (let partition = 0; partition < PARTITIONS; partition++) await stopped.partitionIs(partition, 'blocked');
  const brokers = `--kafka-brokers=${deployment.environment['KAFKA_BROKERS']}`;
  const lost = await positions(stage, 'show', brokers);
  expect(lost.exitCode).toBe(1);
  expect(lost.stdout).toContain(
    `partition 1: offset missing: state ${HISTORY}, group's offset none, input 0 to ${HISTORY}; ` +
      `company-sync positions set ${brokers} --partition 1 --to state`,
  );
  const missing = await positions(stage, 'show', '--topic-sync-events=missing');
  expect(missing.stderr).toMatch(/`company-sync topics create --topic-sync-events=missing`/);
  const refused = await positions(stage, 'set', '--to', 'state', '--yes');
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toMatch(/has 1 member: stop all instances first.*\(http:\/\//);
  expect(await stopped.stop()).toBe(0);

  const unasked = await positions(stage, 'set', '--to', 'state');
  expect(unasked.exitCode).toBe(1);
  expect(unasked.stdout).toContain('nothing was changed');
  expect(await committedOffset(deployment, 0)).toBe(-1);
  const set = await positions(stage, 'set', '--to', 'state', '--yes');
  expect(set).toMatchObject({ exitCode: 0, stderr: '' });
  expect(set.stdout).toContain(`partition 1: the group's offset is set to ${HISTORY}`);
  expect(await shown(stage)).toMatchObject({
    exitCode: 0,
    members: [],
    partitions: Array(PARTITIONS).fill({ verdict: 'consistent', committed: HISTORY }),
  });

  const again = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await finishHistory(stage, [0, 1]);
  expect(await announcedCompanies(deployment)).toEqual(['done-0', 'done-1', 'open-0', 'open-1']);
  await again.stop();
});

test("a partition whose records were deleted unread continues from the log's start, and the other is not changed", async () => {
  const stage = await setStage();
  const { deployment, operator, platform, processor } = stage;
  await processor.stop();
  await platform.send([
    ...platform.completeCompany('lost', { partition: 0 }),
    ...platform.completeCompany('kept', { partition: 0 }),
  ]);
  await operator.deleteRecords(deployment.topics.events, 0, HISTORY + 2);

  const unfit = await positions(stage, 'set', '--to', 'state', '--yes');
  expect(unfit.exitCode).toBe(1);
  expect(unfit.stdout).toContain('but --partition 0 --to log-start is');
  expect(unfit.stdout).toContain('partition 1: consistent: nothing to set');
  const set = await positions(stage, 'set', '--partition', '0', '--to', 'log-start', '--yes');
  expect(set).toMatchObject({ exitCode: 0, stderr: '' });
  expect(set.stdout).toContain(`Up to 2 records (offsets ${HISTORY} to ${HISTORY + 1}) were deleted`);
  expect(await shown(stage)).toMatchObject({ exitCode: 0, partitions: [{ verdict: 'loss accepted' }, {}] });

  const again = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await finishHistory(stage, [0]);
  expect(await announcedCompanies(deployment)).toEqual(['done-0', 'done-1', 'kept', 'open-0']);
  await again.stop();
});

test('a partition without state builds its state again from the input, once an operator has consented', async () => {
  const stage = await setStage();
  const { deployment, operator, platform, processor } = stage;
  await processor.stop();
  const before = await announcements(deployment);
  await operator.deleteRecords(deployment.topics.events, 1, 2);
  await operator.deleteTopic(deployment.topics.state);
  await createTopics(deployment);
  expect(await shown(stage)).toMatchObject({
    exitCode: 1,
    partitions: Array(PARTITIONS).fill({ verdict: 'no state', committed: HISTORY }),
  });

  const set = await positions(stage, 'set', '--to', 'log-start', '--yes');
  expect(set).toMatchObject({ exitCode: 0, stderr: '' });
  expect(set.stdout).toContain('A company whose manifest is below offset 2 may never be announced');
  expect(await committedOffset(deployment, 1)).toBe(0);
  const again = await processors.startReady(deployment, { stateDir: processors.newFolder() });
  const places = [0, 1].map((partition) => platform.status(`open-${partition}`, '2', 'Complete', {}, { partition }));
  await consumed(deployment, await platform.send(places));
  expect(await announcedCompanies(deployment)).toEqual(['done-0', 'done-0', 'done-1', 'open-0', 'open-1']);
  const ids = (await announcements(deployment)).filter(({ event }) => event.companyId === 'done-0');
  expect(new Set(ids.map(({ event }) => event.eventId))).toEqual(
    new Set(before.filter(({ event }) => event.companyId === 'done-0').map(({ event }) => event.eventId)),
  );
  await again.stop();
});

test.each([
  [['set', '--to', 'nowhere'], /--to is "nowhere": expected one of state, log-start, after-batch/],
  [['show', '--partition', String(PARTITIONS)], /--partition is 2: expected a partition of the input, 0 to 1/],
])('%j is refused', async (words, fault) => {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
  const { exitCode, stderr } = await runCommand(['positions', ...words], deployment.environment);
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(fault) as string });
});
