/** The clock of a machine may be set back, for example when a virtual machine continues. */
import { isAtRest, stuck } from '../../../testkit/simulation/instances/check.js';
import { inWorld } from '../../../testkit/simulation/instances/in-world.js';
import { Instance } from '../../../testkit/simulation/instances/instance.js';
import { World } from '../../../testkit/simulation/instances/world.js';

const HOUR_MS = 3_600_000;

test('an instance whose clock was set back stays in its group, and keeps its partitions', async () => {
  const world = new World(1, 2, false);
  await inWorld(world, async () => {
    const instances = ['a', 'b'].map((name) => new Instance(world, name, {}));
    const comeToRest = async (): Promise<void> => {
      if (!(await world.pass(120_000, () => isAtRest(world, instances)))) throw new Error(stuck(world, instances));
    };
    for (const instance of instances) instance.start();
    await comeToRest();
    const { process } = instances[0]!;
    if (process !== null) process.clockAheadMs = -HOUR_MS;
    await world.pass(30_000);
    await comeToRest();
    expect(instances.map(({ partitions }) => partitions.length)).toEqual([1, 1]);
    for (const instance of instances) instance.kill();
  });
}, 60_000);
