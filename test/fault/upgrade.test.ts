/**
 * Instances of the previous release and of this one run in one group under load: they are upgraded one by one, as
 * docs/operations.md says, rolled back, and upgraded again, and some are killed in between.
 *
 *   UPGRADE_FROM      the commit of the previous release
 *   UPGRADE_SECONDS   how long instances then change their release in random order; 0 by default
 *   UPGRADE_SEED      the seed that a former run printed, to repeat its orders
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { SeededRandom } from '../../testkit/seeded-random.js';
import { shared } from '../support/assignments.js';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { commandArguments, runProgram, type Command } from '../../testkit/command.js';
import { createTopics, deploy, registerSchemas, type Deployment } from '../../testkit/deployment.js';
import { companiesWithNewWords, knownToAll } from '../support/new-status-words.js';
import { hasCommit, payloadsUnknownTo, PREVIOUS_RELEASE, Releases, type Release } from '../support/other-release.js';
import { announcedCompanies, consumed } from '../support/outbound.js';
import { ownFormats } from '../support/own-formats.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { restoresOf } from '../support/restore-log.js';
import { SteadyLoad } from '../support/steady-load.js';
import { fromJson, toJson, type StoredKind, type StoredValue } from '../support/stored-formats.js';
import { inNamesOfToday, writtenByReleases } from '../support/written-by-releases.js';
import { companyRow, datasetRow, holdRow, infoRow, positionRow } from '../unit/store/arbitrary-rows.js';

const PARTITIONS = 6;
const INSTANCES = ['a', 'b', 'c'];
/** The choices of the clients in the histories. */
const SETTINGS = [
  ['client-1', 'ALL_DATASETS'],
  ['client-2', 'FIRST_DATASET'],
] as const;
const SECONDS = Number(process.env['UPGRADE_SECONDS'] ?? 0);
const SEED = Number(process.env['UPGRADE_SEED'] ?? Date.now() % 1_000_000);
/** The rounds of records between two random orders. */
const MAX_ROUNDS = 8;
/** The time for building, with dependencies of its own if it has others. */
const BUILD_TIMEOUT_MS = 420_000;
/** The time for everything except the random orders. */
const TIMEOUT_MS = 300_000;
/**
 * The time for companies that this release announces and the previous one did not: it finds them once it has the
 * partition.
 */
const AUDIT_TIMEOUT_MS = 30_000;

const processors = new Processors();
const releases = new Releases();
let previous: Release;
let platform: Platform | undefined;
let load: SteadyLoad | undefined;

const here = hasCommit(PREVIOUS_RELEASE);
if (!here) {
  const fetching = 'fetch it with `git fetch --unshallow`, or name another by UPGRADE_FROM';
  process.stderr.write(`upgrade tests are skipped: this clone has no commit ${PREVIOUS_RELEASE}; ${fetching}\n`);
}
const testWithBoth = here ? test : test.skip;

beforeAll(async () => {
  if (here) previous = await releases.build(PREVIOUS_RELEASE);
}, BUILD_TIMEOUT_MS);
afterEach(async () => {
  await load?.stop();
  await processors.endAll();
  await platform?.close();
});
afterAll(() => releases.removeAll());

type ReleaseName = 'previous' | 'this';
/** How a process ends. After 'lose the disk' the next one starts on an empty disk. */
type End = 'stop' | 'kill' | 'lose the disk';

/** One of the instances, with its disk: the processes of both releases that have run on it. */
class Instance {
  readonly #stateDir = processors.newFolder();
  readonly #runs: Processor[] = [];
  /** The number of runs on disks that were lost. */
  #onLostDisks = 0;
  #release: ReleaseName = 'previous';

  constructor(
    readonly name: string,
    private readonly deployment: Deployment,
    private readonly changes: string[],
  ) {}

  get release(): ReleaseName {
    return this.#release;
  }

  get processor(): Processor {
    const latest = this.#runs.at(-1);
    if (latest === undefined) throw new Error(`instance ${this.name} was never started`);
    return latest;
  }

  /** Starts a process, and waits until it can be stopped cleanly. */
  async start(release: ReleaseName): Promise<void> {
    this.#release = release;
    const command: Command = release === 'this' ? commandArguments : previous.command;
    const settings = { NUM_STANDBY: '1' };
    const options = { stateDir: this.#stateDir, settings, program: command('run') };
    this.#runs.push(processors.start(this.deployment, options));
    await this.processor.address();
  }

  /** Starts another release, or the same again, on the same STATE_DIR, and waits until it is ready. */
  async changeTo(release: ReleaseName, end: End = 'stop'): Promise<void> {
    this.changes.push(`${this.name} ${end}, ${release} release`);
    if (end === 'kill') await this.processor.kill();
    else expect(await this.processor.stop()).toBe(0);
    if (end === 'lose the disk') {
      rmSync(this.#stateDir, { recursive: true });
      this.#onLostDisks = this.#runs.length;
    }
    await this.start(release);
    await this.processor.ready();
  }

  /** Events that an upgrade must never cause. */
  troubles(): string[] {
    const log = this.#runs.flatMap((run) => run.log);
    const blocked = log.filter(({ state }) => state === 'blocked').map(({ reason }) => `blocked: ${String(reason)}`);
    const setAside = readdirSync(this.#stateDir).filter((name) => name.includes('set-aside'));
    const setAsideLogged = log.filter(({ msg }) => msg.includes('folder set aside')).map(({ why }) => String(why));
    const ended = this.processor.running ? [] : [`it has ended; its log ends with\n${this.processor.logTail()}`];
    const troubles = [...blocked, ...setAside, ...setAsideLogged, ...this.#partitionsRestoredAgain(), ...ended];
    return troubles.map((trouble) => `instance ${this.name}: ${trouble}`);
  }

  /**
   * The partitions that were restored completely although the folder had state of them: the other release's state was
   * not used.
   */
  #partitionsRestoredAgain(): string[] {
    const log = this.#runs.slice(this.#onLostDisks).flatMap((run) => run.log);
    return Array.from({ length: PARTITIONS }, (_, partition) => restoresOf(log, partition)).flatMap((restores) => {
      const first = restores.findIndex(({ end }) => end > 0);
      const again = restores.slice(first + 1).filter(({ start, end }) => first >= 0 && start === 0 && end > 0);
      return again.map(({ partition, end }) => `partition ${partition} was restored from the beginning to ${end}`);
    });
  }
}

/** Values of this release that the previous release correctly reads as other values: written value -> read value. */
function asPreviousReadsIt(kind: StoredKind, value: unknown): unknown {
  // A code that the previous release does not know is written as a code that also holds the company.
  const { code } = value as { code?: unknown };
  return kind === 'hold' && code === 'too-large' ? { ...(value as object), code: 'too-many-datasets' } : value;
}

testWithBoth('the previous release reads everything that this one writes', async () => {
  const arbitraries = { company: companyRow, info: infoRow, dataset: datasetRow, hold: holdRow, position: positionRow };
  const rows = (Object.keys(arbitraries) as (keyof typeof arbitraries)[]).flatMap((kind) =>
    fc.sample<unknown>(arbitraries[kind], { numRuns: 300, seed: SEED }).map((value) => ({ kind, value })),
  );
  const formerly = writtenByReleases().flatMap(({ values }) => values);
  const known = formerly.map(({ kind, bytes }) => ({ kind, value: ownFormats[kind].read(Buffer.from(bytes, 'hex')) }));
  const written = [...rows, ...known].map(({ kind, value }): StoredValue => {
    return { kind, value, bytes: ownFormats[kind].write(value as never).toString('hex') };
  });
  const reader = ['--import', 'tsx', join(__dirname, '..', 'support', 'release-codecs.ts'), previous.dist, 'read'];
  const { stdout, stderr } = await runProgram(reader, { input: toJson(written) });
  expect(stderr).toBe('');
  const read = fromJson(stdout) as StoredValue[];
  expect(read).toHaveLength(written.length);
  // Fields that the previous release does not know are missing in the values that it has read.
  for (const [i, { kind, value }] of written.entries())
    expect({ kind, value: asPreviousReadsIt(kind, value) }).toMatchObject({
      kind,
      value: inNamesOfToday(read[i]?.value),
    });
});

testWithBoth(
  'instances are upgraded one by one and rolled back under load, and nothing is lost, early or announced twice',
  async () => {
    const deployment = await deploy(currentCluster(), { partitions: PARTITIONS, command: previous.command });
    platform = await Platform.connect(deployment);
    for (const [client, trigger] of SETTINGS) await platform.choose(client, trigger);
    const changes: string[] = [];
    const instances = INSTANCES.map((name) => new Instance(name, deployment, changes));
    try {
      for (const instance of instances) await instance.start('previous');
      await shared(
        instances.map(({ processor }) => processor),
        PARTITIONS,
      );
      load = new SteadyLoad(platform, deployment, {
        further: companiesWithNewWords(platform),
        spelling: knownToAll,
        without: payloadsUnknownTo(previous),
      });
      await upgradeAndRollBack(instances, load, deployment);
      await inRandomOrder(instances, load);
      for (const instance of instances) if (instance.release !== 'this') await instance.changeTo('this');
      await consumed(deployment, await load.stop());
      expect(troublesOf(instances)).toEqual([]);
      const announced = await announcedAfterCleanAudit(deployment);
      expect(announced).toBeGreaterThan(0);
      expect(await Promise.all(instances.map(({ processor }) => processor.stop()))).toEqual([0, 0, 0]);
      expect(await announcedCompanies(deployment)).toHaveLength(announced);
    } catch (cause) {
      const troubles = troublesOf(instances).join('\n');
      const where = `with UPGRADE_SEED=${SEED}, after ${changes.join('; ')}`;
      throw new Error(`${where}: ${reasonsOf(cause)}\n${troubles}`, { cause });
    }
  },
  TIMEOUT_MS + SECONDS * 1_000,
);

/** The test leaves each state of the group only when all records written until then are decided. */
async function upgradeAndRollBack(
  instances: readonly Instance[],
  load: SteadyLoad,
  deployment: Deployment,
): Promise<void> {
  const [a, b, c] = instances as [Instance, Instance, Instance];
  const settled = async () => {
    await consumed(deployment, await load.more());
    expect(troublesOf(instances)).toEqual([]);
  };
  await settled();
  await createTopics(deployment);
  await registerSchemas(deployment);

  await a.changeTo('this');
  await b.changeTo('previous', 'kill');
  await a.changeTo('this', 'kill');
  await settled();
  await b.changeTo('this');
  await c.changeTo('this', 'lose the disk');
  await settled();

  await b.changeTo('previous');
  await settled();
  await b.changeTo('this');
  for (const instance of instances) await instance.changeTo('previous');
  await settled();

  // The undo that a batch has left is applied by the other release.
  await c.changeTo('this', 'kill');
  await c.changeTo('previous', 'kill');
  for (const instance of instances) await instance.changeTo('this');
  await settled();
}

/** How many companies were announced, each of them once. */
async function announcedAfterCleanAudit(deployment: Deployment): Promise<number> {
  let announced = 0;
  const look = async () => {
    announced = (await cleanAudit(deployment, SETTINGS.length, true)).announced;
    return true;
  };
  await pollUntil(look, { awaited: 'the audit is clean', timeoutMs: AUDIT_TIMEOUT_MS });
  return announced;
}

async function inRandomOrder(instances: readonly Instance[], load: SteadyLoad): Promise<void> {
  const random = new SeededRandom(SEED);
  const endsAt = Date.now() + SECONDS * 1_000;
  while (Date.now() < endsAt) {
    const instance = random.pick(instances);
    await instance.changeTo(
      random.pick<ReleaseName>(['previous', 'this']),
      random.pick<End>(['stop', 'kill', 'lose the disk']),
    );
    for (let rounds = random.integer(0, MAX_ROUNDS); rounds > 0; rounds--) await load.more();
    expect(troublesOf(instances)).toEqual([]);
  }
}

function troublesOf(instances: readonly Instance[]): string[] {
  return instances.flatMap((instance) => instance.troubles());
}

/** An error's message with those of its causes: the awaited state, and why it was not reached. */
function reasonsOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause === undefined ? message : `${message}: ${reasonsOf(cause)}`;
}
