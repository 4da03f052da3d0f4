/**
 * Three instances start, stop, are killed, freeze, wake up and lose their disks in random order while records are
 * written, also during each other's rebalances.
 *
 *   CHURN_SECONDS   how long, 20 by default
 *   CHURN_SEED      the seed that a former run printed, to repeat its orders
 */
import { rmSync } from 'node:fs';
import { SeededRandom } from '../../testkit/seeded-random.js';
import { shared } from '../support/assignments.js';
import { cleanAudit } from '../support/clean-audit.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { SteadyLoad } from '../support/steady-load.js';

const PARTITIONS = 6;
const INSTANCES = ['a', 'b', 'c'];
const SECONDS = Number(process.env['CHURN_SECONDS'] ?? 20);
const SEED = Number(process.env['CHURN_SEED'] ?? Date.now() % 1_000_000);
/**
 * The rounds of records between two orders: from none (a rebalance during a rebalance) to enough for a rebalance to
 * finish.
 */
const MAX_ROUNDS = 8;
/** The time for the start, the end and the audit. */
const MARGIN_MS = 240_000;

const processors = new Processors();
let platform: Platform | undefined;
let load: SteadyLoad | undefined;
afterEach(async () => {
  await load?.stop();
  await processors.endAll();
  await platform?.close();
});

type Order = 'start' | 'start on an empty disk' | 'stop' | 'kill' | 'freeze' | 'wake up';

/** One of the instances, with its disk. */
class Instance {
  readonly #stateDir = processors.newFolder();
  #processor: Processor | null = null;
  #frozen = false;

  constructor(
    readonly name: string,
    private readonly deployment: Deployment,
  ) {}

  /** The orders that it can get now. An order that is listed twice is given twice as often. */
  orders(): readonly Order[] {
    if (this.#frozen) return ['wake up', 'wake up', 'kill'];
    return this.#processor === null
      ? ['start', 'start', 'start', 'start on an empty disk']
      : ['stop', 'kill', 'freeze', 'stop', 'kill'];
  }

  async obey(order: Order): Promise<void> {
    switch (order) {
      case 'start on an empty disk':
        rmSync(this.#stateDir, { recursive: true, force: true });
        return this.#start();
      case 'start':
        return this.#start();
      case 'stop':
        expect(await this.#processor?.stop()).toBe(0);
        this.#processor = null;
        return;
      case 'kill':
        await this.#processor?.kill();
        this.#processor = null;
        this.#frozen = false;
        return;
      case 'freeze':
      case 'wake up':
        this.#frozen = order === 'freeze';
        return this.#processor?.signal(this.#frozen ? 'SIGSTOP' : 'SIGCONT');
    }
  }

  /** Makes it run again, whatever its state. */
  async up(): Promise<Processor> {
    if (this.#frozen) await this.obey('wake up');
    if (this.#processor === null) await this.#start();
    return this.#processor as unknown as Processor;
  }

  /** Waits until it can be stopped cleanly: before that, SIGTERM ends it like any process. */
  async #start(): Promise<void> {
    const settings = { NUM_STANDBY: '1' };
    this.#processor = processors.start(this.deployment, { stateDir: this.#stateDir, settings });
    await this.#processor.address();
  }
}

test(
  'nothing is lost, early or announced twice, however the instances come and go',
  async () => {
    const deployment = await deploy(currentCluster(), { partitions: PARTITIONS });
    platform = await Platform.connect(deployment);
    await platform.choose('client-1', 'ALL_DATASETS');
    load = new SteadyLoad(platform, deployment);
    const instances = INSTANCES.map((name) => new Instance(name, deployment));
    const actions: string[] = [];
    try {
      await churn(instances, load, actions);
      const all = await Promise.all(instances.map((instance) => instance.up()));
      await consumed(deployment, await load.stop());
      await shared(all, PARTITIONS);
      expect(await Promise.all(all.map((processor) => processor.stop()))).toEqual(INSTANCES.map(() => 0));
      expect((await cleanAudit(deployment, 1)).announced).toBeGreaterThan(0);
    } catch (cause) {
      throw new Error(`with CHURN_SEED=${SEED}, after ${actions.join(', ')}: ${(cause as Error).message}`, { cause });
    }
  },
  SECONDS * 1_000 + MARGIN_MS,
);

async function churn(instances: readonly Instance[], load: SteadyLoad, actions: string[]): Promise<void> {
  const random = new SeededRandom(SEED);
  const endsAt = Date.now() + SECONDS * 1_000;
  while (Date.now() < endsAt) {
    const instance = random.pick(instances);
    const order = random.pick(instance.orders());
    actions.push(`${instance.name} ${order}`);
    await instance.obey(order);
    for (let rounds = random.integer(0, MAX_ROUNDS); rounds > 0; rounds--) await load.more();
  }
}
