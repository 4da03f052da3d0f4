/**
 * What goes wrong in a run. Each run draws its own kinds of faults, so that some runs combine many and others repeat
 * one.
 */
import type { SeededRandom } from '../../seeded-random.js';
import type { CommittedOffset } from '../../../src/pipeline/ports.js';
import type { Instance } from './instance.js';
import { viewOf } from './model-logs.js';
import type { OldView } from './weather.js';
import { TOPICS, type World } from './world.js';

type Fault = (faults: Faults) => void;

/** Every fault by its name. */
const KINDS: Readonly<Record<string, Fault>> = {
  'process killed': (faults) => faults.crash(() => undefined),
  'machine crashed': (faults) =>
    faults.crash(({ disk }) => disk.loseTail((writes) => faults.random.integer(0, writes))),
  'disk lost': (faults) => faults.crash(({ disk }) => disk.erase()),
  'disk from a backup': (faults) => faults.crash(({ disk }) => void disk.restore()),
  'backup taken': (faults) => faults.random.pick(faults.instances).disk.backUp(),
  'disk synced': (faults) => faults.random.pick(faults.instances).disk.sync(),
  'disk full': (faults) => {
    const { disk } = faults.random.pick(faults.instances);
    disk.isFull = true;
    faults.endAfter(8_000, () => void (disk.isFull = false));
  },
  'folder damaged': (faults) => void (faults.random.pick(faults.instances).disk.isDamaged = true),
  'process frozen': (faults) =>
    faults.random.pick(faults.instances).process?.freeze(faults.random.integer(100, 30_000)),
  'owner frozen, then replaced': (faults) => {
    faults.world.group.owner?.process?.freeze(faults.random.integer(500, 30_000));
    faults.rebalance();
  },
  rebalance: (faults) => faults.rebalance(),
  stop: (faults) => faults.stopOne(),
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
  'broker cut off': (faults) => faults.answerInTurns(viewOf(faults.world), faults.random.integer(100, 5_000)),
  'broker cut off, then another owner': (faults) => faults.replaceWhileCutOff(),
  "group's offset deleted": (faults) => faults.loseOffset(() => null),
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
};

const MAX_RESTART_MS = 12_000;

export class Faults {
  readonly random: SeededRandom;
  readonly #kinds: readonly string[];
  readonly #meanMs: number;
  #isOver = false;
  #hasLostOffset = false;

  constructor(
    readonly world: World,
    readonly instances: readonly Instance[],
  ) {
    this.random = world.random;
    const all = Object.keys(KINDS);
    const share = this.random.pick([0.1, 0.3, 1]);
    this.#kinds = all.filter(() => this.random.chance(share));
    this.#meanMs = this.random.pick([300, 1_000, 3_000]);
    world.weather.lossRate = this.random.pick([0, 0, 0.002, 0.02]);
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
    this.world.trace('faults', 'all end');
    this.world.weather.clear();
    for (const instance of this.instances) {
      instance.disk.isFull = false;
      instance.process?.thaw();
      if (instance.process === null) instance.start();
    }
    this.rebalance();
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
    weather.oldView = weather.oldView === null && ms > 0 && !this.#isOver ? old : null;
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
      if (this.#isOver) return;
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
    if (before === null || this.#hasLostOffset) return;
    const lost = change(before);
    coordinator.committed = lost;
    this.#hasLostOffset = true;
    time.after(this.random.integer(1_000, 60_000), () => {
      this.#hasLostOffset = false;
      if (coordinator.committed === lost) coordinator.committed = before;
    });
  };

  stopOne(): void {
    const instance = this.#one();
    if (instance.process === null) return;
    void instance.stop().then(() => this.#restart(instance));
    this.rebalance();
  }

  /** Any instance may own the partition next, or the same again. */
  rebalance(): void {
    const running = this.instances.filter(({ process }) => process !== null);
    if (running.length > 0) this.world.group.giveTo(this.random.pick(running), this.instances, 10_000);
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
