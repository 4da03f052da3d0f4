/** What all processes of one run share: time, chance, brokers, network, registry, and what was noticed. */
import { crc32c } from '@node-rs/crc32';
import { isOwnFault } from '../../../src/lib/own-fault.js';
import { reasonOf } from '../../../src/lib/reason-of.js';
import { SeededRandom } from '../../seeded-random.js';
import { SimulatedCluster } from '../../simulated-kafka/index.js';
import { SimulatedTime } from '../time.js';
import { InconsistentPositionError } from '../../../src/pipeline/errors.js';
import { SimulatedHttp } from './http.js';
import { Losses } from './losses.js';
import { Network } from './network.js';
import type { SimulatedProcess } from './process.js';
import { SimulatedRegistry } from './registry.js';
import { BROKERS, createTopics } from './topics.js';

const START_MS = Date.UTC(2027, 0, 1);
const MAX_STEPS = 3_000_000;

/** Between two events, nothing of a process runs. So while an event runs, `current` is the process that it belongs to. */
class WorldTime extends SimulatedTime {
  current: SimulatedProcess | null = null;

  /** Whole milliseconds: latencies have fractions. */
  override now(): number {
    return Math.floor(super.now());
  }

  override step(): boolean {
    this.current = null;
    return super.step();
  }
}

export class World {
  readonly time = new WorldTime(START_MS);
  /** History and faults. The others have their own: a change of one does not change all of them. */
  readonly random: SeededRandom;
  readonly cluster: SimulatedCluster;
  readonly network: Network;
  readonly registry: SimulatedRegistry;
  readonly http: SimulatedHttp;
  readonly losses: Losses;
  /** The message limits that topics had before a fault lowered them. */
  readonly limits = new Map<string, string>();
  readonly maxDiskMs: number;
  /** What must never happen, noticed while it happened. */
  readonly violations: string[] = [];
  /** Lines of the trace; null if nobody wants one. */
  readonly lines: string[] | null;
  /** Of all bytes that arrived at any end of a connection, and when. */
  #checksum = 0;

  constructor(
    readonly seed: number,
    readonly partitions: number,
    isTraced: boolean,
  ) {
    this.lines = isTraced ? [] : null;
    this.random = new SeededRandom(seed);
    this.maxDiskMs = this.random.pick([1, 1, 5, 30]);
    const ofBrokers = new SeededRandom(seed + 1_000_003);
    const { time } = this;
    const random = () => ofBrokers.next();
    const session = this.random.pick([2_000, 9_000]);
    this.cluster = new SimulatedCluster({ time, random, brokers: BROKERS, replication: BROKERS, delays: { session } });
    createTopics(this.cluster, partitions);
    this.losses = new Losses(this);
    this.network = new Network(this, new SeededRandom(seed + 2_000_003));
    this.http = new SimulatedHttp(this, new SeededRandom(seed + 6_000_011));
    this.registry = new SimulatedRegistry(new SeededRandom(seed + 3_000_017));
  }

  get checksum(): string {
    return (this.#checksum >>> 0).toString(16).padStart(8, '0');
  }

  sawBytes(bytes: Buffer): void {
    this.#checksum = crc32c(bytes, (this.#checksum + this.time.elapsed()) >>> 0);
  }

  /** Lets `ms` pass, or less if `isOver`. It is asked from time to time. @returns whether it is over */
  async pass(ms: number, isOver: () => boolean = () => false): Promise<boolean> {
    const { time } = this;
    const until = time.elapsed() + ms;
    let isDone = false;
    let isEnd = false;
    const look = (): void => {
      isDone = this.violations.length > 0 || isOver();
      isEnd = time.elapsed() >= until;
      if (!isDone && !isEnd) time.after(Math.min(LOOK_EVERY_MS, until - time.elapsed()), look);
    };
    time.after(0, look);
    await time.run(() => isDone || isEnd, MAX_STEPS);
    return isDone;
  }

  violated(what: string): void {
    this.violations.push(what);
    this.trace('VIOLATION', what);
  }

  /** An error of the pipeline. A fault of the program itself must never happen, whatever brokers and disks do. */
  failed(who: string, error: unknown): void {
    if (isOwnFault(error)) this.violated(`a fault of the program: ${(error as Error).stack ?? String(error)}`);
    else this.trace(who, `error ${reasonOf(error)}`);
    if (error instanceof InconsistentPositionError && !this.losses.explain(error.message))
      this.violated(`${who} asks an operator although nothing was lost: ${error.message}`);
  }

  trace(who: string, what: string): void {
    this.lines?.push(`${this.time.elapsed().toFixed(1).padStart(9)} ms  ${who.padEnd(12)} ${what}`);
  }
}

const LOOK_EVERY_MS = 100;
