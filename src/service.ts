/** One instance of the processor: starts it, shows what it does, and stops it. `RunningInstance` has its parts. */
import { steadyMs } from './lib/stopwatch.js';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from './config.js';
import { ClusterView } from './kafka/connection/cluster-view.js';
import { LargeBatches } from './kafka/reading/large-batches.js';
import { RememberedMember } from './kafka/group/remembered-member.js';
import type { Clock } from './lib/clock.js';
import { settlesWithin } from './lib/long-promise.js';
import { DependencyWatch } from './ops/dependency-watch.js';
import { FailureWatch } from './ops/failure-watch.js';
import type { HttpServer, ServiceView, Starting } from './ops/http-server.js';
import { MemberProofs } from './ops/member-proof.js';
import { PartitionFigures } from './ops/partition-figures.js';
import type { PartitionStatus, PipelineObserver } from './pipeline/observer.js';
import { RunningInstance } from './running-instance.js';
import { Startup, type StartFacts } from './startup.js';
import { CallDeadline, callsEnd, OPEN_DEADLINE_MS } from './store/call-deadline.js';
import type { InstanceLock } from './store/instance-lock.js';
import type { AddSettings } from './lib/shell-command.js';
import type { Surroundings } from './surroundings.js';

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly surroundings: Surroundings;
  /** Notified in addition to logs and metrics. */
  readonly observers: readonly Partial<PipelineObserver>[];
  /** For commands in the answers about partitions. */
  readonly addSettings: AddSettings;
  /** Called when the instance cannot continue: the process must end with an error. */
  readonly onCrash: (error: Error) => void;
}

/** The time that one part may take to close. After that, the next owner aborts a batch in flight. */
const CLOSE_TIMEOUT_MS = 4_000;
/** The time that calls to STATE_DIR get to end at a stop. A call that has not ended by then counts as hanging. */
const STORE_CALLS_TIMEOUT_MS = 1_000;

export class Service {
  readonly #options: ServiceOptions & { readonly cluster: ClusterView; readonly largeBatches: LargeBatches };
  readonly #stopping = new AbortController();
  /** Resources that are closed after the partitions. */
  readonly #resources: { readonly name: string; close(): Promise<void> }[] = [];
  #starting: Starting | null = { phase: 'starting', because: null };
  /** Limits all calls to STATE_DIR, except those to the stores of the partitions. */
  readonly #volume: CallDeadline;
  /** Limits occasional calls to STATE_DIR, which may take long. Nothing else waits for them. */
  readonly #chores: CallDeadline;
  #lock: Pick<InstanceLock, 'release'> | null = null;
  #running: RunningInstance | null = null;
  readonly #figures: PartitionFigures;
  readonly #failures: FailureWatch;
  readonly #dependencies: DependencyWatch;
  #http: HttpServer | null = null;
  readonly #proofs: MemberProofs;

  constructor(options: ServiceOptions) {
    const { config, logger, clock, surroundings } = options;
    const cluster = new ClusterView(surroundings.kafka, clock);
    this.#options = { ...options, cluster, largeBatches: new LargeBatches(clock) };
    this.#proofs = new MemberProofs(config.http.tokens, clock);
    this.#volume = new CallDeadline(clock);
    this.#chores = new CallDeadline(clock);
    this.#figures = new PartitionFigures(() => options.clock.now());
    this.#failures = new FailureWatch(
      () => options.clock.now(),
      () => steadyMs(options.clock),
    );
    const ask = { brokers: () => cluster.mustAnswer(), 'schema-registry': () => surroundings.registry.ask() };
    this.#dependencies = new DependencyWatch({ clock, logger, ask });
  }

  /** The address of the HTTP server. It is known once `start` waits for brokers or registry. */
  get address(): string | null {
    return this.#http?.address ?? null;
  }

  /**
   * Starts everything. Waits for brokers and registry as long as they give no usable answer.
   * @throws StateDirInUseError, StateDirOfOtherError, UnfitTopicsError, MisconfiguredError, StartupError; call `stop`
   *   then too
   */
  async start(): Promise<void> {
    const { config, logger, surroundings } = this.#options;
    const { volume } = surroundings;
    const lock = await volume.takeLock(this.#volume);
    this.#lock = lock;
    const exposure = await this.#volume.within(OPEN_DEADLINE_MS, 'looking at STATE_DIR', () => volume.exposure());
    if (exposure !== null) logger.warn(exposure);

    const metrics = new Registry();
    this.#failures.register(metrics);
    this.#dependencies.register(metrics);
    const http = await surroundings.startHttp(this.#view(), metrics, this.#proofs);
    this.#http = http;
    this.#onClose('http', () => http.close());
    logger.info({ address: http.address, applicationId: config.applicationId }, 'listening');

    void this.#dependencies.run(this.#stopping.signal);
    const startup = new Startup({
      ...this.#options,
      signal: this.#stopping.signal,
      onClose: this.#onClose,
      volume: this.#volume,
      onWaiting: (phase, because) => (this.#starting = { phase, because }),
    });
    const startFacts = await startup.findOut();
    if (startFacts !== null) await this.#run(lock, metrics, startup, startFacts);
  }

  /** Whether a call to STATE_DIR has not ended. Node's exit would wait for such a call as long as the volume hangs. */
  get hangsOnVolume(): boolean {
    return [this.#volume, this.#chores, this.#running?.state].some((calls) => (calls?.longestMs ?? 0) > 0);
  }

  /** Finishes the batches in flight, leaves the group and closes everything. Idempotent; never throws. */
  async stop(): Promise<void> {
    this.#starting = { phase: 'stopping', because: null };
    if (!this.#stopping.signal.aborted) await this.#running?.inspection.successors.report();
    this.#stopping.abort();
    await Promise.all([
      this.#closePatiently('partitions', this.#running?.partitions.close()),
      this.#closePatiently('standbys', this.#running?.standbys.close()),
    ]);
    await Promise.all(this.#resources.splice(0).map((owned) => this.#closePatiently(owned.name, owned.close())));
    await this.#closePatiently('cluster view', this.#options.cluster.close());
    await this.#closePatiently('state folder lock', this.#lock?.release());
    this.#lock = null;
    await callsEnd(this.#options.clock, STORE_CALLS_TIMEOUT_MS, () => this.hangsOnVolume);
  }

  /** Waits at most CLOSE_TIMEOUT_MS. Never rejects. */
  async #closePatiently(name: string, closing: Promise<void> | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    const closed = closing?.catch((err: unknown) =>
      logger.warn({ err, name }, 'could not close a part of the instance'),
    );
    if (closed !== undefined) await settlesWithin(closed, clock, CLOSE_TIMEOUT_MS);
  }

  async #run(
    lock: Pick<InstanceLock, 'word'>,
    metrics: Registry,
    startup: Startup,
    startFacts: StartFacts,
  ): Promise<void> {
    const { config, logger, clock, cluster, surroundings } = this.#options;
    const { applicationId } = config;
    const remembered = new RememberedMember({
      kafka: surroundings.kafka,
      groupId: applicationId,
      memory: lock.word(`member of ${applicationId}`),
      cluster,
      clock,
      logger,
    });
    await startup.mustFitGroup(startFacts.decidingSettings, await remembered.predecessor());
    if (this.#stopping.signal.aborted) return;
    const running = new RunningInstance({
      ...this.#options,
      startup,
      startFacts,
      remembered,
      metrics,
      failures: this.#failures,
      figures: this.#figures,
      proofs: this.#proofs,
      chores: this.#chores,
      isCutOff: (partition) => this.#isCutOff(partition),
      httpAddress: () => this.#http?.advertisedAddress ?? null,
      onClose: this.#onClose,
      signal: this.#stopping.signal,
    });
    this.#running = running;
    this.#starting = { phase: 'joining the group', because: null };
    this.#failures.failed('group', null, this.#starting.phase);
    await running.join(() => {
      if (!this.#stopping.signal.aborted) this.#starting = null;
    });
  }

  /** Whether the standby of a partition cannot read its changelog. */
  #isCutOff(partition: number): boolean {
    return (
      this.#dependencies.isReachable('brokers') === false || this.#failures.failureOf('standby', partition) !== null
    );
  }

  readonly #onClose = (name: string, close: () => Promise<void>): void => {
    this.#resources.push({ name, close });
  };

  #view(): ServiceView {
    return {
      starting: () => this.#starting,
      partitions: () => this.#running?.partitions.statuses() ?? new Map<number, PartitionStatus>(),
      figures: this.#figures,
      failures: this.#failures,
      dependencies: this.#dependencies,
      inspection: () => this.#running?.inspection ?? null,
    };
  }
}
