/**
 * What goes wrong in a run. Each run draws its own kinds of faults, so that some runs combine many and others repeat
 * one.
 */
import type { SeededRandom } from '../../seeded-random.js';
import { BROKERS, APPLICATION_ID, TOPICS } from './topics.js';
import type { Instance } from './instance.js';
import { END_TXN, JOIN_GROUP, SYNC_GROUP } from './network.js';
import type { World } from './world.js';

type Fault = (faults: Faults) => void;

const MINUTE_MS = 60_000;

/** Every fault by its name. */
export const KINDS: Readonly<Record<string, Fault>> = {
  'process killed': (faults) => faults.crash(() => undefined),
  'machine crashed': (faults) =>
    faults.crash(({ volume }) => volume.loseTail((writes) => faults.random.integer(0, writes))),
  'disk lost': (faults) => faults.crash(({ volume }) => volume.erase()),
  'disk from a backup': (faults) => faults.crash(({ volume }) => volume.restore()),
  'backup taken': (faults) => faults.one().volume.backUp(),
  'disk synced': (faults) => faults.one().volume.sync(),
  'disks swapped': (faults) => faults.swapDisks(),
  'disk full': (faults) => {
    const { volume } = faults.one();
    volume.setFull(true);
    faults.endAfter(8_000, () => volume.setFull(false));
  },
  'folder damaged': (faults) => faults.one().volume.damage((disks) => faults.random.pick(disks)),
  'process frozen': (faults) => faults.one().process?.freeze(faults.random.integer(100, 30_000)),
  stop: (faults) => faults.stop(),
  'clock set': (faults) => {
    const { process } = faults.one();
    if (process !== null) process.clockAheadMs = faults.random.pick([0, 1, -1, 60, -60]) * MINUTE_MS;
  },
  'connections reset': (faults) =>
    faults.world.network.cut(faults.one().name, faults.random.pick(['request lost', 'answer lost'])),
  'commit not received': ({ world }) => world.network.loseNext(END_TXN, 'request lost'),
  'answer to commit lost': ({ world }) => world.network.loseNext(END_TXN, 'answer lost'),
  'join lost': (faults) => {
    const { random } = faults;
    faults.world.network.loseNext(random.pick([JOIN_GROUP, SYNC_GROUP]), random.pick(['request lost', 'answer lost']));
    faults.stop();
  },
  'way to a broker blocked': (faults) => {
    const { network } = faults.world;
    const way = { instance: faults.one().name, address: faults.address(faults.broker()) };
    network.block(way);
    faults.endAfter(30_000, () => network.unblock(way));
  },
  'broker slow': (faults) =>
    faults.slowDown(
      faults.instances.map(({ name }) => name),
      [faults.address(faults.broker())],
    ),
  'instance far from the brokers': (faults) => faults.slowDown([faults.one().name], faults.world.cluster.addresses()),
  'way to a broker slow': (faults) => faults.slowDown([faults.one().name], [faults.address(faults.broker())]),
  'broker killed': (faults) => {
    const id = faults.broker();
    faults.world.cluster.killBroker(id);
    faults.endAfter(25_000, () => faults.world.cluster.startBroker(id));
  },
  'broker restarted': (faults) => {
    const id = faults.broker();
    faults.world.cluster.stopBroker(id);
    faults.endAfter(10_000, () => faults.world.cluster.startBroker(id));
  },
  'broker cut off': (faults) => faults.cutOff(faults.broker()),
  'broker cut off with one instance': (faults) => {
    const id = faults.broker();
    faults.cutOff(id);
    faults.leaveOnly(faults.one(), id);
  },
  'start with a broker that is cut off': (faults) => {
    const id = faults.broker();
    faults.cutOff(id);
    faults.crash((instance) => faults.leaveOnly(instance, id));
  },
  'all brokers down': ({ world, endAfter }) => {
    for (let id = 1; id <= BROKERS; id++) world.cluster.killBroker(id);
    endAfter(25_000, () => {
      for (let id = 1; id <= BROKERS; id++) world.cluster.startBroker(id);
    });
  },
  throttled: ({ world, endAfter, random, broker }) => {
    const id = broker();
    world.cluster.throttle(id, random.integer(1, 300));
    endAfter(3_000, () => world.cluster.throttle(id, 0));
  },
  'leader moved': (faults) => faults.moveLeader(...faults.partition()),
  'leader elected that lacks the uncommitted end': (faults) => faults.electUnclean(...faults.partition()),
  'group coordinator moved': (faults) => {
    const { topic, partition } = faults.world.cluster.coordinatorPartition('group', APPLICATION_ID);
    faults.moveLeader(topic, partition);
  },
  'transaction coordinator moved': (faults) => {
    const id = `${APPLICATION_ID}-${TOPICS.syncEvents}-${faults.random.integer(0, faults.world.partitions - 1)}`;
    const { topic, partition } = faults.world.cluster.coordinatorPartition('transaction', id);
    faults.moveLeader(topic, partition);
  },
  'transactions expire': ({ world }) => world.cluster.expireTransactions(),
  'registry down': ({ world, endAfter }) => {
    world.registry.isDown = true;
    endAfter(20_000, () => void (world.registry.isDown = false));
  },
};

const MAX_RESTART_MS = 12_000;
const MAX_CUT_OFF_MS = 30_000;

export class Faults {
  readonly random: SeededRandom;
  readonly #kinds: readonly string[];
  readonly #meanMs: number;
  #isOver = false;

  /** @param only the kinds of faults that a run has; null if the run draws its kinds */
  constructor(
    readonly world: World,
    readonly instances: readonly Instance[],
    only: readonly string[] | null,
  ) {
    this.random = world.random;
    const drawn = Array.from({ length: this.random.pick([0, 1, 2, 3, 4, 8]) }, () =>
      this.random.pick(Object.keys(KINDS)),
    );
    this.#kinds = only ?? drawn;
    this.#meanMs = this.random.pick([200, 1_000, 4_000]);
    world.network.lossRate = this.random.pick([0, 0, 0.001, 0.01]);
    world.trace('faults', `every ${this.#meanMs} ms: ${this.#kinds.join(', ')}`);
  }

  begin(): void {
    if (this.#isOver || this.#kinds.length === 0) return;
    this.world.time.after(this.random.integer(0, 2 * this.#meanMs), () => {
      if (this.#isOver) return;
      const kind = this.random.pick(this.#kinds);
      this.world.trace('FAULT', kind);
      KINDS[kind]?.(this);
      this.begin();
    });
  }

  /** From now on all goes well: every process runs, and every fault has ended. */
  end(): void {
    this.#isOver = true;
    const { cluster, network, registry } = this.world;
    this.world.trace('faults', 'all end');
    network.clear();
    registry.isDown = false;
    for (let id = 1; id <= BROKERS; id++) {
      cluster.throttle(id, 0);
      cluster.reconnect(id);
      cluster.startBroker(id);
    }
    for (const instance of this.instances) {
      instance.volume.setFull(false);
      instance.brokers = cluster.addresses();
      const { process } = instance;
      if (process === null) instance.start();
      else process.thaw();
    }
  }

  endAfter = (mostMs: number, end: () => void): void => {
    this.world.time.after(this.random.integer(1, mostMs), () => {
      if (!this.#isOver) end();
    });
  };

  one(): Instance {
    return this.random.pick(this.instances);
  }

  broker = (): number => this.random.integer(1, BROKERS);

  address(broker: number): string {
    return this.world.cluster.addresses()[broker - 1] as string;
  }

  partition(): [topic: string, partition: number] {
    const { random } = this;
    const topic = random.pick([TOPICS.syncEvents, TOPICS.companyState, TOPICS.companySynchronized, TOPICS.deadLetter]);
    return [topic, random.integer(0, this.world.partitions - 1)];
  }

  crash(meanwhile: (instance: Instance) => void): void {
    const instance = this.one();
    if (instance.process === null) return;
    instance.kill();
    meanwhile(instance);
    this.#restart(instance);
  }

  swapDisks(): void {
    const [one, other] = [this.one(), this.one()];
    if (one === other) return;
    for (const instance of [one, other]) {
      instance.kill();
      this.#restart(instance);
    }
    one.volume.swapWith(other.volume);
  }

  slowDown(instances: readonly string[], addresses: readonly string[]): void {
    const { network } = this.world;
    const ways = instances.flatMap((instance) => addresses.map((address) => ({ instance, address })));
    const maxLatencyMs = this.random.pick([50, 800, 3_000]);
    for (const way of ways) network.slowDown(way, maxLatencyMs);
    this.endAfter(20_000, () => {
      for (const way of ways) network.speedUp(way);
    });
  }

  stop(): void {
    const instance = this.one();
    instance.stop(() => this.#restart(instance));
  }

  cutOff(broker: number): void {
    const { cluster } = this.world;
    cluster.cutOff(broker);
    this.endAfter(MAX_CUT_OFF_MS, () => cluster.reconnect(broker));
  }

  /** An instance that reaches only one broker, also if it starts now. */
  leaveOnly(instance: Instance, broker: number): void {
    const { network } = this.world;
    const only = this.address(broker);
    const others = this.world.cluster.addresses().filter((address) => address !== only);
    instance.brokers = [only, ...others];
    if (this.random.chance(0.5)) return;
    const ways = others.map((address) => ({ instance: instance.name, address }));
    for (const way of ways) network.block(way);
    this.endAfter(MAX_CUT_OFF_MS, () => {
      for (const way of ways) network.unblock(way);
    });
  }

  moveLeader(topic: string, partition: number): void {
    const { cluster } = this.world;
    const { inSync } = cluster.partition(topic, partition);
    cluster.moveLeader(topic, partition, this.random.pick(inSync));
  }

  /** The new leader has all that was committed, and an unknown part of the rest. */
  electUnclean(topic: string, partition: number): void {
    const { cluster, random } = this;
    const ends = cluster.ends(topic, partition);
    if (ends === null) return;
    const { inSync } = cluster.partition(topic, partition);
    cluster.electUnclean(topic, partition, random.pick(inSync), random.integer(ends.highWatermark, ends.end));
  }

  get cluster(): World['cluster'] {
    return this.world.cluster;
  }

  #restart(instance: Instance): void {
    const within = this.random.pick([100, 2_000, MAX_RESTART_MS]);
    this.world.time.after(this.random.integer(0, within), () => {
      if (instance.process === null) instance.start();
    });
  }
}
