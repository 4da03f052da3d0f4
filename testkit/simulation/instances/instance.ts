/** An instance of the processor: its disk, and the process that runs on it now, with a whole `Service`. */
import { pino, type Logger } from 'pino';
import { reasonOf } from '../../../src/lib/reason-of.js';
import { isOwnFault } from '../../../src/lib/own-fault.js';
import type { KafkaConfig } from '../../../src/kafka/connection/cluster.js';
import { kafkaConfigOf } from '../../../src/kafka/connection/kafka-config.js';
import type { ServiceView } from '../../../src/ops/http-server.js';
import type { MemoryBudget } from '../../../src/ops/memory-budget.js';
import type { PipelineObserver } from '../../../src/pipeline/observer.js';
import { Service } from '../../../src/service.js';
import { MisconfiguredError } from '../../../src/start-checks.js';
import type { Surroundings } from '../../../src/surroundings.js';
import { EVENT_TYPES, SCHEMAS } from '../pipeline/codecs.js';
import { SimulatedProcess } from './process.js';
import { configOf } from './topics.js';
import { MemoryVolume } from './volume.js';
import type { World } from './world.js';

interface Running {
  readonly process: SimulatedProcess;
  readonly service: Service;
  view: ServiceView | null;
  isStopping: boolean;
}

/** As in command/run.ts: after this time a process ends even if its stop hangs. */
const STOP_DEADLINE_MS = 9_000;
const MAX_RESTART_MS = 5_000;

const MEMORY: MemoryBudget = {
  limitBytes: 0,
  heapBytes: 0,
  cacheBytes: 20_000,
  loadBytes: 1_000_000,
  storesBytes: 0,
  warning: null,
};

export class Instance {
  readonly volume = new MemoryVolume();
  #running: Running | null = null;
  #starts = 0;
  /** Whether an operator keeps it from running. */
  #isHeld = false;
  /** Addresses of the brokers, in the order in which the next start tries them. */
  brokers: readonly string[];

  /** @param settings beside those of all instances */
  constructor(
    private readonly world: World,
    readonly name: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {
    this.brokers = world.cluster.addresses();
  }

  /** Of its HTTP server. */
  get address(): string {
    return `http://${this.name}:8080`;
  }

  get process(): SimulatedProcess | null {
    return this.#running?.process ?? null;
  }

  get view(): ServiceView | null {
    return this.#running?.view ?? null;
  }

  /** Whether it does what an instance should do: as `/readyz`. */
  get isReady(): boolean {
    const { view } = this;
    if (view === null || view.starting() !== null || view.failures.failing().length > 0) return false;
    if (view.dependencies.isReachable('brokers') === false) return false;
    return [...view.partitions().values()].every(({ state }) => state === 'running');
  }

  /** The partitions that it runs. */
  get partitions(): number[] {
    const statuses = this.view?.partitions() ?? new Map<number, { state: string }>();
    return [...statuses].filter(([, { state }]) => state === 'running').map(([partition]) => partition);
  }

  /** Why partitions wait for an operator. */
  get blocked(): string[] {
    const statuses = [...(this.view?.partitions().values() ?? [])];
    return statuses.flatMap(({ state, reason }) => (state === 'blocked' && reason !== null ? [reason] : []));
  }

  /** In words. */
  get status(): string {
    const { view } = this;
    if (view === null) return this.process === null ? 'not started' : 'starting';
    const starting = view.starting();
    if (starting !== null) return `${starting.phase}: ${starting.because ?? ''}`;
    const partitions = [...view.partitions()].map(([number, { state, reason }]) =>
      [`partition ${number} ${state}`, reason].filter((part) => part !== null).join(': '),
    );
    const failing = view.failures.failing().map(({ part, partition, cause }) => `${part} ${partition ?? ''}: ${cause}`);
    const unreachable = view.dependencies.states().filter(({ reachable }) => reachable === false);
    const down = unreachable.map(({ dependency, cause }) => `${dependency} unreachable: ${cause}`);
    return [...partitions, ...failing.map((each) => `failing ${each}`), ...down].join('; ') || 'no partition';
  }

  /** Stops it, and keeps it stopped until `release`. */
  hold(onStopped: () => void): void {
    this.#isHeld = true;
    if (this.#running?.isStopping === true) this.kill();
    if (this.#running === null) onStopped();
    else this.stop(onStopped);
  }

  release(): void {
    this.#isHeld = false;
    if (this.#running === null) this.start();
  }

  start(): void {
    const { world } = this;
    if (this.#isHeld) return;
    const process = new SimulatedProcess(world, `${this.name}.${++this.#starts}`, (error) => {
      world.violated(`nothing has caught an error of ${process.name}: ${(error as Error).stack ?? String(error)}`);
      this.#ended(process);
    });
    world.trace(process.name, `starts, brokers ${this.brokers.join(' ')}`);
    process.enter(() => {
      const service = this.#serviceOf(process);
      this.#running = { process, service, view: null, isStopping: false };
      service.start().catch((error: unknown) => this.#crashed(process, error));
    });
  }

  kill(): void {
    const { process } = this;
    if (process === null) return;
    this.world.trace(process.name, 'is killed');
    process.kill();
    this.#running = null;
  }

  /** As after SIGTERM. @param onEnded called when the process has ended, unless it was killed before */
  stop(onEnded: () => void): void {
    const running = this.#running;
    if (running === null || running.isStopping) return;
    running.isStopping = true;
    const { process, service } = running;
    this.world.trace(process.name, 'stops');
    const end = (why: string): void => {
      if (process.isDead) return;
      this.world.trace(process.name, why);
      this.#ended(process);
      onEnded();
    };
    this.world.time.after(STOP_DEADLINE_MS, () => end('ends, although its stop hangs'));
    process.later(0, () => void service.stop().then(() => end('has stopped')));
  }

  /** As `stop`, but the process stays: its timers can be counted. */
  stopAndStay(onStopped: () => void): void {
    const running = this.#running;
    if (running === null || running.isStopping) return;
    running.isStopping = true;
    running.process.later(0, () => void running.service.stop().then(onStopped));
  }

  /** The process ends with an error, and is started again, as an operating system does. */
  #crashed(process: SimulatedProcess, error: unknown): void {
    this.world.trace(process.name, `cannot continue: ${reasonOf(error)}`);
    if (isOwnFault(error) || error instanceof MisconfiguredError)
      this.world.violated(`${process.name} cannot continue: ${(error as Error).stack ?? String(error)}`);
    this.stop(() =>
      this.world.time.after(this.world.random.integer(0, MAX_RESTART_MS), () => {
        if (this.#running === null) this.start();
      }),
    );
  }

  #ended(process: SimulatedProcess): void {
    process.kill();
    if (this.#running?.process === process) this.#running = null;
  }

  #serviceOf(process: SimulatedProcess): Service {
    const config = configOf(this.brokers, this.settings);
    const logger = this.#loggerOf(process);
    return new Service({
      config,
      logger,
      clock: process.clock,
      surroundings: this.#surroundingsOf(process, kafkaConfigOf(config, logger)),
      addSettings: (message) => message,
      observers: [this.#observerOf(process)],
      onCrash: (error) => this.#crashed(process, error),
    });
  }

  #surroundingsOf(process: SimulatedProcess, kafka: KafkaConfig): Surroundings {
    const { world, name } = this;
    const sockets = { socketFactory: world.network.socketsOf(process, name) as unknown };
    const { address } = this;
    return {
      kafka: { ...kafka, ...sockets },
      registry: world.registry.clientOf(process),
      volume: this.volume.usedBy(process),
      readerSchemas: () => Promise.resolve(SCHEMAS),
      eventTypes: () => Promise.resolve(EVENT_TYPES),
      memory: () => MEMORY,
      startHttp: async (view) => {
        if (this.#running?.process === process) this.#running.view = view;
        await world.http.listen(address, process, view);
        return { address, advertisedAddress: address, close: () => Promise.resolve() };
      },
    };
  }

  #loggerOf({ name }: SimulatedProcess): Logger {
    if (this.world.lines === null) return SILENT;
    const write = (line: string): void => this.world.trace(name, shortened(line));
    return pino({ level: 'debug', base: null, timestamp: false }, { write });
  }

  /** The log has the same and more. Only errors must be judged in a run without a trace. */
  #observerOf({ name }: SimulatedProcess): Partial<PipelineObserver> {
    return {
      error: (_, error) => this.world.failed(name, error),
      standbyError: (_, error) => this.world.failed(name, error),
      sweepError: (error) => this.world.failed(name, error),
    };
  }
}

const SILENT = pino({ level: 'silent' });
const MAX_LINE = 600;

function shortened(line: string): string {
  const text = line.trimEnd().replace(/\\n {4}at [^"]*/g, '');
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}...` : text;
}
