/**
 * patches/kafkajs+2.2.4.patch, src/consumer/runner.js. As published, a consumer goes on after a join that failed: with the
 * old assignment in the new generation, or without a member id and so without heartbeats. Nothing ends that.
 */
import { isAtRest, stuck } from '../../../testkit/simulation/instances/check.js';
import { inWorld } from '../../../testkit/simulation/instances/in-world.js';
import { Instance } from '../../../testkit/simulation/instances/instance.js';
import { JOIN_GROUP, SYNC_GROUP } from '../../../testkit/simulation/instances/network.js';
import { World } from '../../../testkit/simulation/instances/world.js';

const PAST_THE_SESSION_MS = 30_000;

test.each([
  ['the new assignment did not reach the member that had all partitions', SYNC_GROUP, 'answer lost'],
  ['it could not be sent', SYNC_GROUP, 'request lost'],
  ['the coordinator did not answer to the join', JOIN_GROUP, 'answer lost'],
] as const)('two instances share the partitions although %s', async (_, request, loss) => {
  const world = new World(1, 2, false);
  await inWorld(world, async () => {
    const first = new Instance(world, 'first', {});
    const second = new Instance(world, 'second', {});
    first.start();
    await comeToRest(world, [first]);
    world.network.loseNext(request, loss, 'first');
    second.start();
    await comeToRest(world, [first, second]);
    expect([first.partitions.length, second.partitions.length]).toEqual([1, 1]);
    for (const instance of [first, second]) instance.kill();
  });
});

test('an instance that the group forgot joins again although its first attempt is lost', async () => {
  const world = new World(1, 2, false);
  await inWorld(world, async () => {
    const instances = ['first', 'second'].map((name) => new Instance(world, name, {}));
    for (const instance of instances) instance.start();
    await comeToRest(world, instances);
    instances[0]?.process?.freeze(PAST_THE_SESSION_MS);
    world.network.loseNext(JOIN_GROUP, 'request lost', 'first');
    await world.pass(PAST_THE_SESSION_MS);
    await comeToRest(world, instances);
    expect(instances.map(({ partitions }) => partitions.length)).toEqual([1, 1]);
    for (const instance of instances) instance.kill();
  });
});

async function comeToRest(world: World, instances: readonly Instance[]): Promise<void> {
  if (!(await world.pass(120_000, () => isAtRest(world, instances)))) throw new Error(stuck(world, instances));
}
