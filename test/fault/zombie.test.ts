/**
 * Instances freeze for longer than the group waits for them, so their partitions have another owner when they wake up.
 * A zombie must not write anything to the committed log, and must not take the fence back from the new owner.
 */
import { isAssignment, isFencing, shared } from '../support/assignments.js';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import type { BatchMoment } from '../support/halt-plan.js';
import { frozeItself, startHalting } from '../support/halting-instance.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type LogLine, type Processor } from '../../testkit/processor.js';
import { SteadyLoad } from '../support/steady-load.js';

const PARTITIONS = 4;
/**
 * The fencings of one partition: by its new owner, and by a former owner that was fenced before it knew the new
 * assignment.
 */
const FENCES_OF_ONE_REJOIN = 2;

const processors = new Processors();
let platform: Platform | undefined;
let load: SteadyLoad | undefined;
afterEach(async () => {
  await load?.stop();
  await processors.endAll();
  await platform?.close();
});

async function setStage(): Promise<{ deployment: Deployment; startLoad: () => SteadyLoad }> {
  const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
  const connected = await Platform.connect(deployment);
  platform = connected;
  await connected.choose('client-1', 'ALL_DATASETS');
  return { deployment, startLoad: () => (load = new SteadyLoad(connected, deployment)) };
}

function freezing(deployment: Deployment, moment: BatchMoment): Processor {
  return startHalting(processors, deployment, { signal: 'SIGSTOP', partition: null, moment, batch: 1 });
}

/** The lines that instances have logged since this object was created. */
class LogsSince {
  readonly #from: readonly (readonly [instance: Processor, line: number])[];

  constructor(instances: readonly Processor[]) {
    this.#from = instances.map((instance) => [instance, instance.log.length]);
  }

  get lines(): readonly LogLine[] {
    return this.#from.flatMap(([{ log }, line]) => log.slice(line));
  }
}

/** Wakes it up, and waits until it is in the group again. @returns what it has logged until then */
async function wakeUp(zombie: Processor): Promise<readonly LogLine[]> {
  const since = new LogsSince([zombie]);
  zombie.signal('SIGCONT');
  await zombie.poll(() => Promise.resolve(since.lines.some(isAssignment)), 'it is in the group again', 60_000);
  return since.lines.slice(0, since.lines.findIndex(isAssignment));
}

function expectFewFences({ lines }: LogsSince, most: number): void {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const fences = lines.filter((line) => line.partition === partition && isFencing(line));
    expect(fences.length).toBeLessThanOrEqual(most);
  }
}

test('an instance that was frozen at any moment does no harm when it wakes up', async () => {
  const { deployment, startLoad } = await setStage();
  const zombie = processors.start(deployment);
  const heir = processors.start(deployment);
  const steady = startLoad();
  await shared([zombie, heir], PARTITIONS);
  await consumed(deployment, await steady.more());

  zombie.signal('SIGSTOP');
  await shared([heir], PARTITIONS);
  await consumed(deployment, await steady.more());

  const sinceThen = new LogsSince([zombie, heir]);
  expect((await wakeUp(zombie)).filter(isFencing)).toEqual([]);
  await shared([zombie, heir], PARTITIONS);
  await consumed(deployment, await steady.more());
  await consumed(deployment, await steady.stop());
  expectFewFences(sinceThen, FENCES_OF_ONE_REJOIN);
  await cleanAudit(deployment, 1);
});

test('transactions that were open when their owners froze are never committed by them', async () => {
  const { deployment, startLoad } = await setStage();
  const zombies = [freezing(deployment, 'applied'), freezing(deployment, 'produced')];
  const heir = processors.start(deployment);
  await shared([...zombies, heir], PARTITIONS);
  const steady = startLoad();
  await Promise.all(zombies.map(frozeItself));

  await shared([heir], PARTITIONS);
  await consumed(deployment, await steady.more());

  const sinceThen = new LogsSince([...zombies, heir]);
  for (const log of await Promise.all(zombies.map(wakeUp))) {
    expect(log.filter(isFencing)).toEqual([]);
    expect(log.filter(({ msg }) => msg === 'company is synchronized')).toEqual([]);
  }
  await shared([...zombies, heir], PARTITIONS);
  await consumed(deployment, await steady.stop());
  expectFewFences(sinceThen, zombies.length * FENCES_OF_ONE_REJOIN);
  await cleanAudit(deployment, 1);
});
