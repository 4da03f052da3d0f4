/**
 * kill -9 at every moment of a batch, before and after the commit. Each moment has its own partition, in topics that
 * several moments share.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { POSITION_KEY } from '../../src/store/row-keys.js';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { BATCH_MOMENTS, type BatchMoment } from '../support/halt-plan.js';
import { killedItself, startHalting } from '../support/halting-instance.js';
import { historyPortions } from '../support/history-portions.js';
import { committedRecords, consumed } from '../support/outbound.js';
import { Platform, type Place, type PlatformRecord } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { restoreOf, type Restore } from '../support/restore-log.js';

/**
 * So large that a fetch (2 MiB) returns one portion: the portion is then one batch, even if more portions are waiting.
 */
const PORTION_BYTES = 1_500_000;
const PORTIONS = 5;
const COMPANIES = 25;
/** The number of a batch that follows others closely, while one more portion is waiting. */
const LATER_BATCH = 3;
/** The time limit of one test: up to 13 starts of an instance, each 2 s on an idle machine. */
const TIMEOUT_MS = 240_000;

const COMMIT = BATCH_MOMENTS.indexOf('commit-sent');
const SIDES = [
  { side: 'before the commit', moments: BATCH_MOMENTS.slice(0, COMMIT) },
  { side: 'from the commit on', moments: BATCH_MOMENTS.slice(COMMIT) },
];

const processors = new Processors();
let platform: Platform | undefined;
afterEach(async () => {
  await processors.endAll();
  await platform?.close();
});

async function setStage(partitions: number): Promise<{ deployment: Deployment; platform: Platform }> {
  const deployment = await deploy(currentCluster(), { partitions });
  platform = await Platform.connect(deployment);
  await platform.choose('client-1', 'ALL_DATASETS');
  return { deployment, platform };
}

test.each(SIDES)(
  'an instance killed $side continues from its state, and restores one batch at most',
  async ({ moments }) => {
    const stage = await setStage(moments.length);
    const story = new CrashStory(stage.deployment, stage.platform, 'keep');
    for (const [partition, moment] of moments.entries()) {
      await story.killInFirstBatch(partition, moment);
      await story.killInLaterBatch(partition, moment);
    }
    await story.finish();
    expect((await cleanAudit(stage.deployment, 1)).announced).toBeGreaterThan(moments.length * PORTIONS);
    await expectOneBatchAtMost(stage.deployment, story.restores);
  },
  TIMEOUT_MS,
);

test.each(SIDES)(
  'an instance that was killed $side and lost its disk restores everything and continues',
  async ({ moments }) => {
    const stage = await setStage(moments.length);
    const story = new CrashStory(stage.deployment, stage.platform, 'delete');
    for (const [partition, moment] of moments.entries()) await story.killInLaterBatch(partition, moment);
    await story.finish();
    expect((await cleanAudit(stage.deployment, 1)).announced).toBeGreaterThan(moments.length * PORTIONS);
    expect(story.restores.length).toBeGreaterThan(0);
    for (const { start } of story.restores) expect(start).toBe(0);
  },
  TIMEOUT_MS,
);

/** One instance that is killed again and again, on one state folder. */
class CrashStory {
  /** The restore of each start after a kill, for the partition of that kill. */
  readonly restores: Restore[] = [];
  readonly #stateDir = processors.newFolder();
  readonly #portions = new Map<number, PlatformRecord[][]>();
  readonly #places: Place[] = [];
  #killedAt: number | null = null;

  constructor(
    private readonly deployment: Deployment,
    private readonly platform: Platform,
    private readonly afterwards: 'keep' | 'delete',
  ) {}

  /** The first batch of the partition, while everything else is idle. */
  async killInFirstBatch(partition: number, moment: BatchMoment): Promise<void> {
    const victim = this.#start(partition, moment, 1);
    await victim.ready();
    await this.#send(this.#portionsOf(partition).splice(0, 1));
    await this.#killed(victim, partition);
  }

  /** A batch of a backlog. */
  async killInLaterBatch(partition: number, moment: BatchMoment): Promise<void> {
    await this.#send(this.#portionsOf(partition));
    await this.#killed(this.#start(partition, moment, LATER_BATCH), partition);
  }

  /** Lets an instance process the rest. */
  async finish(): Promise<void> {
    const last = await processors.startReady(this.deployment, { stateDir: this.#stateDir });
    await consumed(this.deployment, this.#places);
    expect(await last.stop()).toBe(0);
    this.#noteRestore(last);
  }

  #portionsOf(partition: number): PlatformRecord[][] {
    const portions =
      this.#portions.get(partition) ??
      historyPortions(this.platform, this.deployment, {
        partition,
        firstOffset: 0,
        seed: partition,
        companies: COMPANIES,
        portions: PORTIONS,
        paddingBytes: PORTION_BYTES,
      });
    this.#portions.set(partition, portions);
    return portions;
  }

  #start(partition: number, moment: BatchMoment, batch: number): Processor {
    return startHalting(processors, this.deployment, { signal: 'SIGKILL', partition, moment, batch }, this.#stateDir);
  }

  async #send(portions: readonly PlatformRecord[][]): Promise<void> {
    // In two requests, because one request with everything would be larger than a broker accepts.
    for (const portion of portions)
      for (const part of [portion.slice(0, -1), portion.slice(-1)])
        this.#places.push(...(await this.platform.send(part)));
  }

  async #killed(victim: Processor, partition: number): Promise<void> {
    await killedItself(victim);
    this.#noteRestore(victim);
    if (this.afterwards === 'delete') deleteState(this.#stateDir);
    this.#killedAt = partition;
  }

  /** The restore of the partition whose moment killed the previous instance. */
  #noteRestore({ log }: Processor): void {
    expect(log.filter(({ msg }) => msg.startsWith('state folder set aside'))).toEqual([]);
    const restore = this.#killedAt === null ? null : restoreOf(log, this.#killedAt);
    if (restore !== null) this.restores.push(restore);
  }
}

/** Removes the state, but not the stored member id, so the next instance does not wait for the session timeout. */
function deleteState(stateDir: string): void {
  const partitions = readdirSync(stateDir).filter((name) => name.startsWith('partition-'));
  for (const name of partitions) rmSync(join(stateDir, name), { recursive: true });
}

/**
 * If the state exists, one batch is restored. If the last batch was committed, it is that batch, because it is undone
 * first. Otherwise it is the batch before, whose position would have been written with the last one.
 */
async function expectOneBatchAtMost(deployment: Deployment, restores: readonly Restore[]): Promise<void> {
  const changelog = await committedRecords(deployment, deployment.topics.state);
  const ends = changelog.filter(({ key }) => key?.equals(POSITION_KEY));
  for (const { partition, start, end } of restores) {
    const batches = ends.filter((row) => row.partition === partition && row.offset >= start && row.offset < end);
    expect(batches.length).toBeLessThanOrEqual(1);
  }
}
