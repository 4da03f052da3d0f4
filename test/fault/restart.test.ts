/** An instance that was killed runs again before the group would have noticed its end. */
import { DEFAULT_SESSION_TIMEOUT_MS } from '../../src/kafka/group/group-membership.js';
import { assignmentsOf, shared } from '../support/assignments.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const PARTITIONS = 4;
/**
 * The limit of a start, as a share of the session timeout: a start that waits for it cannot pass. A start takes 1 to 2
 * s on an idle machine.
 */
const WELL_UNDER = 0.7;

const processors = new Processors();
afterEach(() => processors.endAll());

const partitionsOf = ({ log }: Processor) => assignmentsOf(log).at(-1);
const removals = ({ log }: Processor) => log.filter(({ msg }) => msg.includes('the former member')).length;

/**
 * Starts an instance on a state folder, and returns how long it takes until it has its share of the partitions and all
 * run.
 */
async function startAgain(deployment: Deployment, stateDir: string, others: readonly Processor[]) {
  const startedAt = performance.now();
  const processor = processors.start(deployment, { stateDir });
  await shared([processor, ...others], PARTITIONS);
  return { processor, ms: performance.now() - startedAt };
}

test('an instance that is killed and started again on its state runs its own partitions at once, alone and beside another', async () => {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
  const first = await processors.startReady(deployment);
  const { stateDir } = first;
  await first.kill();
  const alone = await startAgain(deployment, stateDir, []);
  expect(alone.ms).toBeLessThan(WELL_UNDER * DEFAULT_SESSION_TIMEOUT_MS);
  expect(removals(alone.processor)).toBe(1);

  const other = processors.start(deployment);
  await shared([alone.processor, other], PARTITIONS);
  const before = [alone.processor, other].map(partitionsOf);
  await alone.processor.kill();
  const beside = await startAgain(deployment, stateDir, [other]);
  expect(beside.ms).toBeLessThan(WELL_UNDER * DEFAULT_SESSION_TIMEOUT_MS);
  expect([beside.processor, other].map(partitionsOf)).toEqual(before);

  // A member that has left need not be removed.
  expect(await beside.processor.stop()).toBe(0);
  const last = await startAgain(deployment, stateDir, [other]);
  expect(removals(last.processor)).toBe(0);
});
