/**
 * The group's offset, the changelog, the input and the folder on disk must agree. If they do not, companies could be
 * announced twice or never. So the partition is blocked, until an operator consents by setting the group's offset as
 * the message says.
 */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { createTopics, deploy, type Deployment } from '../../testkit/deployment.js';
import { KafkaOperator } from '../support/kafka-operator.js';
import { announcedCompanies, announcements, committedOffset, consumed } from '../support/outbound.js';
import { Platform, type Place } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

/** Each test of the shared deployment changes only its own partitions. */
const PARTITIONS = 8;
/** The number of records that `writeHistory` writes to each partition. */
const HISTORY = 4;

const processors = new Processors();
const platforms: Platform[] = [];

afterEach(() => processors.killAll());

afterAll(async () => {
  await processors.endAll();
  await Promise.all(platforms.map((platform) => platform.close()));
});

interface Stage {
  readonly deployment: Deployment;
  readonly platform: Platform;
  readonly operator: KafkaOperator;
  /** The folder with the state of all partitions; no instance runs. */
  readonly stateDir: string;
}

/** A deployment in which `partitions` have a history. An instance, which is now stopped, has processed it. */
async function setStage(partitionCount: number, partitions: readonly number[]): Promise<Stage> {
  const deployment = await deploy(currentCluster(), { partitions: partitionCount });
  const platform = await Platform.connect(deployment);
  platforms.push(platform);
  const processor = await processors.startReady(deployment);
  await consumed(deployment, await writeHistory(platform, partitions));
  await processor.stop();
  return {
    deployment,
    platform,
    operator: new KafkaOperator(currentCluster(), deployment),
    stateDir: processor.stateDir,
  };
}

/** In each partition: `done-<p>` is announced, `open-<p>` waits for dataset 2. */
function writeHistory(platform: Platform, partitions: readonly number[]): Promise<Place[]> {
  const records = partitions.flatMap((partition) => [
    ...platform.completeCompany(`done-${partition}`, { partition }),
    platform.manifest(`open-${partition}`, { datasets: ['1', '2'] }, { partition }),
    platform.status(`open-${partition}`, '1', 'Complete', {}, { partition }),
  ]);
  return platform.send(records);
}

/**
 * Writes the last status of the open company, and repeats all records of the other: only the open one must be
 * announced.
 */
async function finishHistory({ deployment, platform }: Stage, partition: number): Promise<void> {
  const places = await platform.send([
    platform.status(`open-${partition}`, '2', 'MapError', {}, { partition }),
    ...platform.completeCompany(`done-${partition}`, { partition }),
    platform.status(`open-${partition}`, '2', 'Complete', {}, { partition }),
  ]);
  await consumed(deployment, places);
  const found = await announcements(deployment);
  const of = (company: string) => found.filter(({ event }) => event.companyId === company).map(({ event }) => event);
  expect(of(`done-${partition}`)).toHaveLength(1);
  expect(of(`open-${partition}`)).toEqual([
    expect.objectContaining({ succeeded: 1, failed: 1, source: expect.objectContaining({ ...places[0] }) as object }),
  ]);
}

/** Expects that only `partition` has stopped, and returns its reason. */
async function stoppedAlone(processor: Processor, partition: number): Promise<string> {
  const { reason } = await processor.partitionIs(partition, 'blocked');
  const alone = async () => (await processor.readiness()).unready.length === 1;
  await processor.poll(alone, 'all other partitions run', 30_000);
  return reason ?? '';
}

describe('offsets, input and folders', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await setStage(PARTITIONS, [...Array(PARTITIONS).keys()]);
  });

  /** Starts on the present state and expects a stop; consents to `offset`; starts again. */
  async function stopsUntilConsent(partition: number, reason: RegExp, offset: number): Promise<Processor> {
    const { deployment, operator, stateDir } = stage;
    const stopped = processors.start(deployment, { stateDir });
    expect(await stoppedAlone(stopped, partition)).toMatch(reason);
    expect(await stopped.stop()).toBe(0);
    await operator.setOffset(partition, offset);
    return processors.startReady(deployment, { stateDir });
  }

  test("only a partition whose group offset is gone stops, and it continues from its state's position", async () => {
    await stage.operator.deleteOffset(0);
    const reason = new RegExp(`${stage.deployment.topics.events}/0 is blocked.*up to offset ${HISTORY},.*is missing`);
    const processor = await stopsUntilConsent(0, reason, HISTORY);
    await finishHistory(stage, 0);
    await processor.stop();
  });

  test('a partition whose group offset was set back stops', async () => {
    await stage.operator.setOffset(1, 1);
    const reason = new RegExp(`up to offset ${HISTORY},.*offset is 1,.*positions set --partition 1 --to state`);
    const processor = await stopsUntilConsent(1, reason, HISTORY);
    await finishHistory(stage, 1);
    await processor.stop();
  });

  test('a partition whose group offset was set forward stops, and skips nothing', async () => {
    const skipped = await stage.platform.send(stage.platform.completeCompany('not skipped', { partition: 2 }));
    await stage.operator.setOffset(2, HISTORY + 2);
    const reason = new RegExp(`up to offset ${HISTORY},.*offset is ${HISTORY + 2},`);
    const processor = await stopsUntilConsent(2, reason, HISTORY);
    await consumed(stage.deployment, skipped);
    expect(await announcedCompanies(stage.deployment)).toContain('not skipped');
    await finishHistory(stage, 2);
    await processor.stop();
  });

  test("a partition whose input records were deleted unread stops, and continues from the log's start", async () => {
    const { deployment, operator, platform } = stage;
    await platform.send(platform.completeCompany('lost', { partition: 3 }));
    await operator.deleteRecords(deployment.topics.events, 3, HISTORY + 2);
    const holds = `holds ${HISTORY + 2} to ${HISTORY + 2}`;
    const reason = new RegExp(`up to offset ${HISTORY}, the group's offset is ${HISTORY}, and the input ${holds}`);
    const processor = await stopsUntilConsent(3, reason, HISTORY + 2);
    await finishHistory(stage, 3);
    expect(await announcedCompanies(deployment)).not.toContain('lost');
    await processor.stop();
  });

  test('an old copy of a folder is brought up to date, and the outcome is the same', async () => {
    const { deployment, platform, stateDir } = stage;
    const folder = join(stateDir, 'partition-4');
    const past = join(processors.newFolder(), 'past');
    cpSync(folder, past, { recursive: true });
    const first = await processors.startReady(deployment, { stateDir });
    const since = { partition: 4 };
    const places = await platform.send([
      ...platform.completeCompany('done since', since),
      platform.manifest('open-4', { linkId: 'since', datasets: ['3'], isFinal: false }, since),
      platform.deletion('gone since', since),
    ]);
    await consumed(deployment, places);
    await first.stop();
    rmSync(folder, { recursive: true });
    renameSync(past, folder);

    const second = await processors.startReady(deployment, { stateDir });
    const restored = await second.logged(({ msg, partition }) => partition === 4 && /restor/.test(msg), 'it restores');
    expect(restored).toBeDefined();
    const again = await platform.send([
      ...platform.completeCompany('done since', since),
      ...platform.completeCompany('gone since', since),
      platform.status('open-4', '2', 'Complete', {}, since), // waits for the link that the folder did not know
    ]);
    await consumed(deployment, again);
    const announced = await announcedCompanies(deployment);
    expect(announced.filter((company) => /since|open-4/.test(company))).toEqual(['done since']);
    const seal = [platform.manifest('open-4', { linkId: 'since', datasets: [] }, since)];
    await consumed(deployment, await platform.send([...seal, platform.status('open-4', '3', 'Cancelled', {}, since)]));
    expect((await announcedCompanies(deployment)).filter((company) => company === 'open-4')).toHaveLength(1);
    expect(second.log.filter(({ msg }) => msg.includes('set aside'))).toEqual([]);
    await second.stop();
  });

  test('folders that were swapped are set aside and rebuilt', async () => {
    const { deployment, stateDir } = stage;
    const [five, six, between] = ['partition-5', 'partition-6', 'between'].map((name) => join(stateDir, name));
    renameSync(five as string, between as string);
    renameSync(six as string, five as string);
    renameSync(between as string, six as string);
    const processor = await processors.startReady(deployment, { stateDir });
    const reasons = processor.log
      .filter(({ msg }) => msg.includes('set aside'))
      .map(({ partition, why }) => [partition, why]);
    expect(reasons.sort()).toEqual([
      [5, 'the folder belongs to partition 6, not 5'],
      [6, 'the folder belongs to partition 5, not 6'],
    ]);
    await finishHistory(stage, 5);
    await finishHistory(stage, 6);
    await processor.stop();
  });
});

/** Subtracted from delete.retention.ms, because the clocks of brokers and instances may differ. */
const RETENTION_MARGIN_MS = 3_600_000;
const MAX_AWAY_MS = 2_000;

test('a folder that was away for longer than tombstones are kept is set aside and rebuilt', async () => {
  const stage = await setStage(1, [0]);
  const { deployment, operator, platform, stateDir } = stage;
  const leftAt = Date.now();
  await operator.setTopicSettings(deployment.topics.state, {
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(RETENTION_MARGIN_MS + MAX_AWAY_MS),
  });
  const other = await processors.startReady(deployment);
  await consumed(deployment, await platform.send([platform.deletion('meanwhile', { partition: 0 })]));
  await other.stop();
  await pollUntil(() => Promise.resolve(Date.now() > leftAt + MAX_AWAY_MS), {
    awaited: 'the folder has been away for too long',
    timeoutMs: 10 * MAX_AWAY_MS,
  });

  const back = await processors.startReady(deployment, { stateDir });
  const [aside] = back.log.filter(({ msg }) => msg.includes('set aside'));
  expect(aside).toMatchObject({ partition: 0, why: expect.stringMatching(/last at the changelog's end at/) as string });
  await finishHistory(stage, 0);
  await back.stop();

  // Nothing was written since it stopped, so it cannot have missed anything, however long ago that was.
  const again = await processors.startReady(deployment, { stateDir });
  expect(again.log.filter(({ msg }) => msg.includes('set aside'))).toEqual([]);
  await again.stop();
});

test('a changelog that was recreated empty blocks the partitions that had state, and consent builds the state again', async () => {
  const { deployment, operator, platform, stateDir } = await setStage(2, [0]);
  const before = await announcements(deployment);
  await operator.deleteTopic(deployment.topics.state);
  await createTopics(deployment);

  const stopped = processors.start(deployment, { stateDir });
  const reason = await stoppedAlone(stopped, 0);
  expect(reason).toMatch(
    new RegExp(
      `the changelog has no state, the group's offset is ${HISTORY},.*positions set --partition 0 --to log-start`,
    ),
  );
  await consumed(deployment, await platform.send(platform.completeCompany('elsewhere', { partition: 1 })));
  expect(await committedOffset(deployment, 0)).toBe(HISTORY);
  await stopped.stop();

  await operator.setOffset(0, 0);
  const processor = await processors.startReady(deployment, { stateDir });
  await consumed(deployment, await platform.send([platform.status('open-0', '2', 'Complete', {}, { partition: 0 })]));
  // Announced again, as the message said, with the same id, so a reader can recognise it.
  const again = (await announcements(deployment)).filter(({ event }) => event.companyId === 'done-0');
  expect(again.map(({ event }) => event)).toEqual([before[0]?.event, before[0]?.event]);
  expect(await announcedCompanies(deployment)).toEqual(['done-0', 'done-0', 'elsewhere', 'open-0']);
  await processor.stop();
});

test('a changelog that records were deleted from is refused at the start', async () => {
  const { deployment, operator, stateDir } = await setStage(2, [1]);
  const changelog = deployment.topics.state;
  // A broker refuses to delete records of a topic that is only compacted.
  await operator.setTopicSettings(changelog, { 'cleanup.policy': 'delete' });
  await operator.deleteRecords(changelog, 1, 2);
  await operator.setTopicSettings(changelog, { 'cleanup.policy': 'compact' });
  const refused = processors.start(deployment, { stateDir });
  expect(await refused.exited).toBe(1);
  expect(refused.messages).toContain(`changelog ${changelog}, partition 1, starts at offset 2`);
  expect(refused.messages).toContain('docs/operations.md, "The changelog is lost"');
});
