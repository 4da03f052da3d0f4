/**
 * What goes wrong in a run. Each run draws its own kinds of faults, so that some runs combine many and others repeat
 * one.
 */
import type { SeededRandom } from '../../seeded-random.js';
import { planFaults, type FaultRates, type PlannedFault } from '../fault-plan.js';
import type { LeftOut } from '../left-out.js';
import { BROKERS, APPLICATION_ID, TOPICS } from './topics.js';
import type { Instance } from './instance.js';
import { wakeDuringTakeOver } from './late-owner.js';
import { endWaits, LOSSES } from './loss-faults.js';
import { END_TXN, JOIN_GROUP, SYNC_GROUP } from './network.js';
import type { World } from './world.js';

type Kind = (fault: Fault) => void;

const MINUTE_MS = 60_000;

/** Every fault by its name. */
export const KINDS: Readonly<Record<string, Kind>> = {
  'process killed': (fault) => fault.crash(() => undefined),
  'machine crashed': (fault) =>
    fault.crash(({ volume }) => volume.loseTail((writes) => fault.random.integer(0, writes))),
  'disk lost': (fault) => fault.crash(({ volume }) => volume.erase()),
  'disk from a backup': (fault) => fault.crash(({ volume }) => volume.restore()),
  'backup taken': (fault) => fault.one().volume.backUp(),
  'disk synced': (fault) => fault.one().volume.sync(),
  'disks swapped': (fault) => fault.swapDisks(),
  'disk full': (fault) => {
    const { volume } = fault.one();
    volume.setFull(true);
    fault.endAfter(8_000, () => volume.setFull(false));
  },
  'folder damaged': (fault) => fault.one().volume.damage((disks) => fault.random.pick(disks)),
  'process frozen': (fault) => fault.one().process?.freeze(fault.random.integer(100, 30_000)),
  'owner wakes during a take-over': (fault) => wakeDuringTakeOver(fault),
  stop: (fault) => fault.stop(),
  'clock set': (fault) => {
    const { process } = fault.one();
    if (process !== null) process.clockAheadMs = fault.random.pick([0, 1, -1, 60, -60]) * MINUTE_MS;
  },
  'connections reset': (fault) =>
    fault.world.network.cut(fault.one().name, fault.random.pick(['request lost', 'answer lost'])),
  'commit not received': ({ world }) => world.network.loseNext(END_TXN, 'request lost'),
  'answer to commit lost': ({ world }) => world.network.loseNext(END_TXN, 'answer lost'),
  'join lost': (fault) => {
    const { random } = fault;
    fault.world.network.loseNext(random.pick([JOIN_GROUP, SYNC_GROUP]), random.pick(['request lost', 'answer lost']));
    fault.stop();
  },
  'way to a broker blocked': (fault) => {
    const { network } = fault.world;
    const way = { instance: fault.one().name, address: fault.address(fault.broker()) };
    network.block(way);
    fault.endAfter(30_000, () => network.unblock(way));
  },
  'broker slow': (fault) =>
    fault.slowDown(
      fault.instances.map(({ name }) => name),
      [fault.address(fault.broker())],
    ),
  'instance far from the brokers': (fault) => fault.slowDown([fault.one().name], fault.world.cluster.addresses()),
  'way to a broker slow': (fault) => fault.slowDown([fault.one().name], [fault.address(fault.broker())]),
  'broker killed': (fault) => {
    const id = fault.broker();
    fault.world.cluster.killBroker(id);
    fault.endAfter(25_000, () => fault.world.cluster.startBroker(id));
  },
  'broker restarted': (fault) => {
    const id = fault.broker();
    fault.world.cluster.stopBroker(id);
    fault.endAfter(10_000, () => fault.world.cluster.startBroker(id));
  },
  'broker cut off': (fault) => fault.cutOff(fault.broker()),
  'broker cut off with one instance': (fault) => {
    const id = fault.broker();
    fault.cutOff(id);
    fault.leaveOnly(fault.one(), id);
  },
  'start with a broker that is cut off': (fault) => {
    const id = fault.broker();
    fault.cutOff(id);
    fault.crash((instance) => fault.leaveOnly(instance, id));
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
  'leader moved': (fault) => fault.moveLeader(...fault.partition()),
  'leader elected that lacks the uncommitted end': (fault) => fault.electUnclean(...fault.partition()),
  'group coordinator moved': (fault) => {
    const { topic, partition } = fault.world.cluster.coordinatorPartition('group', APPLICATION_ID);
    fault.moveLeader(topic, partition);
  },
  'transaction coordinator moved': (fault) => {
    const id = `${APPLICATION_ID}-${TOPICS.syncEvents}-${fault.random.integer(0, fault.world.partitions - 1)}`;
    const { topic, partition } = fault.world.cluster.coordinatorPartition('transaction', id);
    fault.moveLeader(topic, partition);
  },
  'transactions expire': ({ world }) => world.cluster.expireTransactions(),
  ...LOSSES,
  'registry down': ({ world, endAfter }) => {
    world.registry.isDown = true;
    endAfter(20_000, () => void (world.registry.isDown = false));
  },
};

const MAX_RESTART_MS = 12_000;
const MAX_CUT_OFF_MS = 30_000;

export class Faults {
  readonly #rates: FaultRates;
  isOver = false;

  /** @param only the kinds of faults that a run has; null if the run draws its kinds */
  constructor(
    readonly world: World,
    readonly instances: readonly Instance[],
    only: readonly string[] | null,
  ) {
    const { random } = world;
    const drawn = Array.from({ length: random.pick([0, 1, 2, 3, 4, 8]) }, () => random.pick(Object.keys(KINDS)));
    const meanMs = random.pick([200, 1_000, 4_000]);
    this.#rates = { kinds: only ?? drawn, meanMs, lossRate: random.pick([0, 0, 0.001, 0.01]) };
  }

  /** Begins the faults. @returns all of them up to `endMs`, also those that are left out */
  begin(endMs: number, leftOut: LeftOut): readonly PlannedFault[] {
    const { planned, lossRate } = planFaults(this.world, this.#rates, endMs, leftOut, (kind, random) =>
      KINDS[kind]?.(new Fault(this, random)),
    );
    this.world.network.lossRate = lossRate;
    return planned;
  }

  /** From now on all goes well: every process runs, and every fault has ended. */
  end(): void {
    this.isOver = true;
    const { cluster, network, registry } = this.world;
    this.world.trace('faults', 'all end');
    network.clear();
    endWaits(this.world);
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
}

/** One fault, with its own random values. */
class Fault {
  readonly world: World;
  readonly instances: readonly Instance[];

  constructor(
    private readonly run: Faults,
    readonly random: SeededRandom,
  ) {
    this.world = run.world;
    this.instances = run.instances;
  }

  endAfter = (mostMs: number, end: () => void): void => {
    this.world.time.after(this.random.integer(1, mostMs), () => {
      if (!this.run.isOver) end();
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

  crash = (meanwhile: (instance: Instance) => void): void => {
    const instance = this.one();
    if (instance.process === null) return;
    instance.kill();
    meanwhile(instance);
    this.#restart(instance);
  };

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
