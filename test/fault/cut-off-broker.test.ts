/**
 * The broker that coordinates the group and leads most of the changelog loses its peers and keeps its clients. Soon the
 * others have a new coordinator and new leaders. The broker does not know that, and continues to answer with old
 * values. An instance that believes it would take a partition over at an old position and announce companies again.
 *
 *   CUT_OFF_ROUNDS   how often each case is played, 1 by default
 *   TIMELINE         a file for the logs of the instances and the actions of the test, in one order
 *
 *   npm run build && CUT_OFF_ROUNDS=10 npx jest --selectProjects=kafka --testPathPatterns=fault/cut-off
 */
import { assignmentsOf, shared } from '../support/assignments.js';
import { currentCluster } from '../support/current-cluster.js';
import { indivisible, startDivisibleCluster, type DivisibleCluster } from '../../testkit/cluster/divisible-cluster.js';
import { CutOffStage, PARTITIONS } from '../support/cut-off-stage.js';
import type { Processor } from '../../testkit/processor.js';

const ROUNDS = Number(process.env['CUT_OFF_ROUNDS'] ?? 1);
const ROUND_TIMEOUT_MS = 240_000;
const START_TIMEOUT_MS = 120_000;
const JOIN_TIMEOUT_MS = 60_000;
/** About 10 s: a write to the broker fails after this time, and only the next attempt reaches the other brokers. */
const ROUNDS_WHILE_CUT_OFF = 40;
const ROUNDS_AFTERWARDS = 15;
/** The broker that an instance asks first. */
const CUT_OFF = 'the one to be cut off';

/**
 * At rest, no write of the broker waits for its peers. A waiting write would also delay heartbeats, and its members
 * would soon look for another coordinator: then the result would depend on chance.
 */
type Moment = 'at rest' | 'under load';

const rounds = Array.from({ length: ROUNDS }, (_, index): [round: number, moment: Moment] => [
  index + 1,
  index % 2 === 0 ? 'at rest' : 'under load',
]);

const whyNot = indivisible();
if (whyNot !== null) console.warn(`the tests of a broker that is cut off are skipped: ${whyNot}`);
const onDivisible = whyNot === null ? test : test.skip;

let cluster: DivisibleCluster | undefined;
let stage: CutOffStage | undefined;
beforeAll(async () => {
  if (whyNot === null) cluster = await startDivisibleCluster({ registry: false });
}, START_TIMEOUT_MS);
afterEach(() => stage?.end());
afterAll(() => cluster?.stop());

async function setStage(): Promise<CutOffStage> {
  if (cluster === undefined) throw new Error('no cluster was started');
  return (stage = await CutOffStage.set(cluster, currentCluster().registryUrl));
}

onDivisible.each(rounds)(
  'an instance that stays with a broker that was cut off announces nothing again (round %i, %s)',
  async (_, moment) => {
    const stage = await setStage();
    await stage.orTrouble(oneStays(stage, moment));
  },
  ROUND_TIMEOUT_MS,
);

onDivisible.each(rounds)(
  'instances that start with a broker that was cut off announce nothing again (round %i, %s)',
  async (_, moment) => {
    const stage = await setStage();
    await stage.orTrouble(someStart(stage, moment));
  },
  ROUND_TIMEOUT_MS,
);

/**
 * The new coordinator knows only the heir, which fences the instance that stays. The old coordinator still confirms
 * that instance.
 */
async function oneStays(stage: CutOffStage, moment: Moment): Promise<void> {
  const stays = stage.start('stays', CUT_OFF);
  await shared([stays], PARTITIONS);
  await stage.consumedSoFar();

  if (moment === 'at rest') await stage.rest();
  await stage.cutOff();
  stage.load.resume();
  const heir = stage.start('heir', 'another');
  await hasPartitions(heir);
  await moreLoad(stage, ROUNDS_WHILE_CUT_OFF);

  await stage.heal();
  await moreLoad(stage, ROUNDS_AFTERWARDS);
  await stage.judge([stays, heir]);
}

async function someStart(stage: CutOffStage, moment: Moment): Promise<void> {
  const before = stage.start('before', 'another');
  await shared([before], PARTITIONS);
  await stage.consumedSoFar();
  if (moment === 'at rest') {
    await stage.rest();
    // A killed member would be removed from the group during the cut, and that removal is a write too.
    expect(await before.stop()).toBe(0);
  } else await before.kill();

  await stage.cutOff();
  stage.load.resume();
  const other = stage.start('other', 'another');
  await hasPartitions(other);
  await stage.consumedSoFar();
  const again = stage.start('again', CUT_OFF, before.stateDir);
  const empty = stage.start('empty', CUT_OFF);
  await Promise.all([again, empty].map(isPastFencing));
  await moreLoad(stage, ROUNDS_WHILE_CUT_OFF);

  const healed = stage.heal();
  const late = stage.start('late', CUT_OFF);
  await healed;
  await moreLoad(stage, ROUNDS_AFTERWARDS);
  await stage.judge([other, again, empty, late]);
}

/** Waits until it runs all its partitions. */
async function hasPartitions(instance: Processor): Promise<void> {
  const assigned = () => Promise.resolve((assignmentsOf(instance.log).at(-1) ?? []).length > 0);
  await instance.poll(assigned, 'it has partitions', JOIN_TIMEOUT_MS);
  await instance.ready();
}

/** Waits until it has partitions and has asked for the positions of each, whether the answers are right or not. */
async function isPastFencing(instance: Processor): Promise<void> {
  const look = async () => {
    if ((assignmentsOf(instance.log).at(-1) ?? []).length === 0) return false;
    return (await instance.readiness()).unready.every(({ state }) => state !== 'fencing');
  };
  await instance.poll(look, 'it is past fencing', JOIN_TIMEOUT_MS);
}

async function moreLoad(stage: CutOffStage, most: number): Promise<void> {
  stage.timeline.note('more load');
  for (let rounds = 0; rounds < most; rounds++) await stage.load.more();
}
