/**
 * What goes wrong in a run. Each run draws its own kinds of faults, so that some runs combine many and others repeat
 * one.
 */
import type { SeededRandom } from '../../seeded-random.js';
import type { CommittedOffset } from '../../../src/pipeline/ports.js';
import type { Instance } from './instance.js';
import { viewOf } from './model-logs.js';
import type { OldView } from './weather.js';
import { planFaults, type FaultRates, type PlannedFault } from '../fault-plan.js';
import type { LeftOut } from '../left-out.js';
import { TOPICS, type World } from './world.js';

type Kind = (fault: Fault) => void;

const CUT = 'changelog cut at a batch boundary';
/** How many runs have it: if nobody has the lost rows, the rest of the run tests nothing. */
export const CUT_RATE = 0.2;

/** Every fault by its name. */
const KINDS: Readonly<Record<string, Kind>> = {
  'process killed': (fault) => fault.crash(() => undefined),
  'machine crashed': (fault) => fault.crash(({ disk }) => disk.loseTail((writes) => fault.random.integer(0, writes))),
  'disk lost': (fault) => fault.crash(({ disk }) => disk.erase()),
  'disk from a backup': (fault) => fault.crash(({ disk }) => void disk.restore()),
  'backup taken': (fault) => fault.random.pick(fault.instances).disk.backUp(),
  'disk synced': (fault) => fault.random.pick(fault.instances).disk.sync(),
  'disk full': (fault) => {
    const { disk } = fault.random.pick(fault.instances);
    disk.isFull = true;
    fault.endAfter(8_000, () => void (disk.isFull = false));
  },
  'folder damaged': (fault) => void (fault.random.pick(fault.instances).disk.isDamaged = true),
  'process frozen': (fault) => fault.random.pick(fault.instances).process?.freeze(fault.random.integer(100, 30_000)),
  'owner frozen, then replaced': (fault) => {
    fault.world.group.owner?.process?.freeze(fault.random.integer(500, 30_000));
    fault.rebalance();
  },
  rebalance: (fault) => fault.rebalance(),
  stop: (fault) => fault.stopOne(),
  'brokers down': ({ world, endAfter }) => {
    world.weather.brokersAreDown = true;
    endAfter(25_000, () => void (world.weather.brokersAreDown = false));
  },
  'brokers slow': ({ world, endAfter }) => {
    world.weather.becomeSlow(800);
    endAfter(5_000, () => world.weather.becomeSlow(3));
  },
  'few brokers answer': ({ world, endAfter }) => {
    world.weather.mostAnswer = false;
    endAfter(10_000, () => void (world.weather.mostAnswer = true));
  },
  'broker cut off': (fault) => fault.answerInTurns(viewOf(fault.world), fault.random.integer(100, 5_000)),
  'broker cut off, then another owner': (fault) => fault.replaceWhileCutOff(),
  "group's offset deleted": (fault) => fault.loseOffset(() => null),
  "group's offset set back": ({ random, loseOffset }) =>
    // Offset 0 would be an operator's consent to read everything again.
    loseOffset(({ offset, leaderEpoch }) => ({ offset: random.integer(Math.min(1, offset), offset), leaderEpoch })),
  throttled: ({ world, endAfter, random }) => {
    world.weather.throttledMs = random.integer(1, 300);
    endAfter(3_000, () => void (world.weather.throttledMs = 0));
  },
  'registry down': ({ world, endAfter }) => {
    world.weather.registryIsDown = true;
    endAfter(10_000, () => void (world.weather.registryIsDown = false));
  },
  'commit not received': ({ world }) => void (world.weather.nextCommit = 'request lost'),
  'answer to commit lost': ({ world }) => void (world.weather.nextCommit = 'answer lost'),
  'transaction timed out': ({ world }) => world.coordinator.expire(),
  'leader elected': ({ world, random }) => random.pick([...world.logs.values()]).electLeader(),
  'changelog compacted': ({ world, random }) => {
    const changelog = world.log(TOPICS.changelog);
    changelog.compact(random.integer(0, changelog.end));
  },
  [CUT]: ({ world, random }) => void (world.weather.cutBy = random),
};

const MAX_RESTART_MS = 12_000;

export class Faults {
  readonly #rates: FaultRates;
  isOver = false;
  hasLostOffset = false;

  constructor(
    readonly world: World,
    readonly instances: readonly Instance[],
    mayCut: boolean,
  ) {
    const { random } = world;
    const share = random.pick([0.1, 0.3, 1]);
    const kinds = Object.keys(KINDS).filter((kind) => (kind === CUT ? mayCut : random.chance(share)));
    const meanMs = random.pick([300, 1_000, 3_000]);
    this.#rates = { kinds, meanMs, lossRate: random.pick([0, 0, 0.002, 0.02]) };
  }

  /** Begins the faults. @returns all of them up to `endMs`, also those that are left out */
  begin(endMs: number, leftOut: LeftOut): readonly PlannedFault[] {
    const { planned, lossRate } = planFaults(this.world, this.#rates, endMs, leftOut, (kind, random) =>
      KINDS[kind]?.(new Fault(this, random)),
    );
    this.world.weather.lossRate = lossRate;
    return planned;
  }

  /** From now on all goes well: every process runs, and every fault has ended. */
  end(): void {
    this.isOver = true;
    this.world.trace('faults', 'all end');
    this.world.weather.clear();
    for (const instance of this.instances) {
      instance.disk.isFull = false;
      instance.process?.thaw();
      if (instance.process === null) instance.start();
    }
    this.rebalance(this.world.random);
  }

  /** Any instance may own the partition next, or the same again. */
  rebalance(random: SeededRandom): void {
    const running = this.instances.filter(({ process }) => process !== null);
    if (running.length > 0) this.world.group.giveTo(random.pick(running), this.instances, 10_000);
  }
}

/** One fault, with its own random values. */
class Fault {
  readonly world: World;
  readonly instances: readonly Instance[];

  constructor(
    readonly run: Faults,
    readonly random: SeededRandom,
  ) {
    this.world = run.world;
    this.instances = run.instances;
  }

  endAfter = (mostMs: number, end: () => void): void => {
    this.world.time.after(this.random.integer(1, mostMs), end);
  };

  crash(toDisk: (instance: Instance) => void): void {
    const instance = this.#one();
    if (instance.process === null) return;
    instance.kill();
    toDisk(instance);
    this.#restart(instance);
  }

  /** For `ms`, sometimes the broker that is cut off answers, and sometimes the others do. */
  answerInTurns(old: OldView, ms: number): void {
    const { weather, time } = this.world;
    weather.oldView = weather.oldView === null && ms > 0 && !this.run.isOver ? old : null;
    const turnMs = this.random.integer(1, 30);
    if (ms > 0) time.after(turnMs, () => this.answerInTurns(old, ms - turnMs));
  }

  /**
   * A broker that is cut off answers for a while. Meanwhile another instance takes over, which may have no state that
   * contradicts the broker.
   */
  replaceWhileCutOff(): void {
    const old = viewOf(this.world, this.random.chance(0.5));
    const { group, weather, time } = this.world;
    time.after(this.random.integer(1, 2_000), () => {
      if (this.run.isOver) return;
      weather.oldView = old;
      const others = this.instances.filter((instance) => instance !== group.owner);
      const other = this.random.pick(others.length > 0 ? others : this.instances);
      if (this.random.chance(0.5)) {
        other.kill();
        other.disk.erase();
        other.start();
      }
      group.giveTo(other, this.instances, 10_000);
      time.after(this.random.integer(50, 5_000), () => void (weather.oldView = null));
    });
  }

  /** The group's offset is lost. After a while an operator puts it back, unless an owner has committed meanwhile. */
  loseOffset = (change: (before: CommittedOffset) => CommittedOffset | null): void => {
    const { coordinator, time } = this.world;
    const before = coordinator.committed;
    if (before === null || this.run.hasLostOffset) return;
    const lost = change(before);
    coordinator.committed = lost;
    this.run.hasLostOffset = true;
    time.after(this.random.integer(1_000, 60_000), () => {
      this.run.hasLostOffset = false;
      if (coordinator.committed === lost) coordinator.committed = before;
    });
  };

  stopOne(): void {
    const instance = this.#one();
    if (instance.process === null) return;
    void instance.stop().then(() => this.#restart(instance));
    this.rebalance();
  }

  rebalance(): void {
    this.run.rebalance(this.random);
  }

  /** Mostly the owner: the others have little to lose. */
  #one(): Instance {
    const { owner } = this.world.group;
    return owner !== null && this.random.chance(0.8) ? owner : this.random.pick(this.instances);
  }

  #restart(instance: Instance): void {
    this.world.time.after(this.random.integer(0, MAX_RESTART_MS), () => {
      if (instance.process !== null) return;
      instance.start();
      this.rebalance();
    });
  }
}
