/** One instance of the processor: everything wired together, from its start to its stop. */
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Config } from './config.js';
import { createMembership } from './group-member.js';
import { ClusterView } from './kafka/connection/cluster-view.js';
import { GroupOwners } from './kafka/group/group-owners.js';
import type { KafkaGroupMembership } from './kafka/group/group-membership.js';
import { inputHasGrown } from './kafka/topics/input-growth.js';
import { kafkaConfigOf } from './kafka/connection/kafka-config.js';
import type { KafkaLogs } from './kafka/reading/kafka-logs.js';
import { LargeBatches } from './kafka/reading/large-batches.js';
import { existingOf } from './kafka/group/member-messages.js';
import { RememberedMember } from './kafka/group/remembered-member.js';
import { askRegistry } from './registry/schema-registry.js';
import type { CheckedTopics } from './kafka/topics/topics.js';
import type { Clock } from './lib/clock.js';
import { settlesWithin } from './lib/long-promise.js';
import { DependencyWatch } from './ops/dependency-watch.js';
import { FailureWatch } from './ops/failure-watch.js';
import { startHttpServer, type HttpServer, type ServiceView, type Starting } from './ops/http-server.js';
import { createInspection, type Inspection } from './ops/inspection.js';
import { InstanceMetrics } from './ops/instance-metrics.js';
import { MemberProofs } from './ops/member-proof.js';
import { memoryBudget } from './ops/memory-budget.js';
import { MetricsObserver } from './ops/metrics-observer.js';
import { OldestUncommitted } from './ops/oldest-uncommitted.js';
import { PartitionFigures } from './ops/partition-figures.js';
import { ProgressBoard } from './ops/progress-board.js';
import { StateGarbage } from './ops/state-garbage.js';
import { StateMetricsObserver } from './ops/state-metrics-observer.js';
import { createLogs, createPipelineContext, type KnownRegistry } from './pipeline-context.js';
import type { PipelineContext } from './pipeline/context.js';
import { HeldPositions } from './pipeline/held-positions.js';
import type { PartitionStatus, PipelineObserver } from './pipeline/observer.js';
import { PartitionSet } from './pipeline/partition-set.js';
import { StandbySet } from './pipeline/standby-set.js';
import { Startup, type Surroundings } from './startup.js';
import { CallDeadline, OPEN_DEADLINE_MS } from './store/call-deadline.js';
import { ExclusiveStateDirectory } from './store/exclusive-state-directory.js';
import { InstanceLock, stateDirExposure } from './store/instance-lock.js';
import { stateSize } from './store/state-size.js';
import { RocksStateDirectory } from './store/rocks-state-directory.js';
import { TimedStateDirectory } from './store/timed-state-directory.js';

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The folder of the Avro schemas, part of the installation. */
  readonly schemasFolder: string;
  /** The folder of the status page, part of the installation. */
  readonly pageFolder: string;
  /** Notified in addition to logs and metrics. */
  readonly observers: readonly Partial<PipelineObserver>[];
  /** The instance cannot go on: the process must end loudly. */
  readonly onCrash: (error: Error) => void;
}

/** How long one part may take to close; the next owner aborts a batch in flight. */
const CLOSE_PATIENCE_MS = 4_000;
/** A call to a store that has not ended after this long counts as one that hangs when the process ends. */
const HANGING_MS = 3_000;

export class Service {
  readonly #options: ServiceOptions & { readonly cluster: ClusterView; readonly largeBatches: LargeBatches };
  readonly #stopping = new AbortController();
  /** What is closed once the partitions are. */
  readonly #resources: { readonly name: string; close(): Promise<void> }[] = [];
  readonly #board = new ProgressBoard();
  #starting: Starting | null = { phase: 'starting', because: null };
  /** For all calls to STATE_DIR except those to the partitions' stores. */
  readonly #volume: CallDeadline;
  /** For what is done to STATE_DIR now and then, which may take long: nothing else waits for it. */
  readonly #chores: CallDeadline;
  #state: TimedStateDirectory | null = null;
  #lock: InstanceLock | null = null;
  #partitions: PartitionSet | null = null;
  #standbys: StandbySet | null = null;
  #inspection: Inspection | null = null;
  readonly #figures: PartitionFigures;
  readonly #failures: FailureWatch;
  readonly #dependencies: DependencyWatch;
  #http: HttpServer | null = null;
  readonly #proofs: MemberProofs;

  constructor(options: ServiceOptions) {
    const { config, logger, clock } = options;
    const cluster = new ClusterView(kafkaConfigOf(config, logger), clock);
    this.#options = { ...options, cluster, largeBatches: new LargeBatches(clock) };
    this.#proofs = new MemberProofs(config.http.tokens, clock);
    this.#volume = new CallDeadline(clock);
    this.#chores = new CallDeadline(clock);
    this.#figures = new PartitionFigures(() => options.clock.now());
    this.#failures = new FailureWatch(() => options.clock.now());
    const ask = { brokers: () => this.#options.cluster.mustAnswer(), 'schema-registry': askRegistry(config) };
    this.#dependencies = new DependencyWatch({ clock, logger, ask });
  }

  /** Where HTTP listens; known once `start` has begun to wait for others. */
  get address(): string | null {
    return this.#http?.address ?? null;
  }

  /**
   * Starts everything; waits for brokers and registry as long as they give no usable answer.
   * @throws StateDirInUseError, StateDirOfOtherError, UnfitTopicsError, MisconfiguredError, StartupError; call `stop` then too
   */
  async start(): Promise<void> {
    const { config, logger, clock } = this.#options;
    const lock = await InstanceLock.take(config.stateDir, clock, this.#volume);
    this.#lock = lock;
    const exposure = await this.#volume.within(OPEN_DEADLINE_MS, 'looking at STATE_DIR', () =>
      stateDirExposure(config.stateDir),
    );
    if (exposure !== null) logger.warn(exposure);

    const metrics = new Registry();
    collectDefaultMetrics({ register: metrics });
    this.#failures.register(metrics);
    this.#dependencies.register(metrics);
    const http = await startHttpServer(
      { ...config.http, proofs: this.#proofs, clock },
      this.#view(),
      metrics,
      this.#options.pageFolder,
    );
    this.#http = http;
    this.#own('http', () => http.close());
    logger.info({ address: http.address, applicationId: config.applicationId }, 'listening');

    void this.#dependencies.run(this.#stopping.signal);
    const startup = new Startup({
      ...this.#options,
      ...{ signal: this.#stopping.signal, own: this.#own, volume: this.#volume },
      onWaiting: (phase, because) => (this.#starting = { phase, because }),
    });
    const surroundings = await startup.findOut();
    if (surroundings !== null) await this.#run(lock, metrics, startup, surroundings);
  }

  /** Whether a call to a store hangs: then Node cannot end the process either. */
  get hangsOnVolume(): boolean {
    return [this.#volume, this.#chores, this.#state].some((calls) => (calls?.longestMs ?? 0) > HANGING_MS);
  }

  /** Finishes the batches in flight, leaves the group and closes everything. Idempotent; never throws. */
  async stop(): Promise<void> {
    this.#starting = { phase: 'stopping', because: null };
    if (!this.#stopping.signal.aborted) await this.#inspection?.successors.tell();
    this.#stopping.abort();
    await Promise.all([
      this.#closePatiently('partitions', this.#partitions?.close()),
      this.#closePatiently('standbys', this.#standbys?.close()),
    ]);
    await Promise.all(this.#resources.splice(0).map((owned) => this.#closePatiently(owned.name, owned.close())));
    await this.#closePatiently('cluster view', this.#options.cluster.close());
    await this.#closePatiently('state folder lock', this.#lock?.release());
    this.#lock = null;
  }

  /** Never rejects, and waits no longer than CLOSE_PATIENCE_MS. */
  async #closePatiently(name: string, closing: Promise<void> | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    const closed = closing?.catch((err: unknown) => logger.warn({ err, name }, 'could not be closed'));
    if (closed !== undefined) await settlesWithin(closed, clock, CLOSE_PATIENCE_MS);
  }

  async #run(lock: InstanceLock, metrics: Registry, startup: Startup, surroundings: Surroundings): Promise<void> {
    const { config, logger, clock, cluster, onCrash } = this.#options;
    const { topics, registry, decidingSettings } = surroundings;
    const { applicationId, stateDir, stateRetentionMs: retentionMs } = config;
    const topic = config.topics.syncEvents;
    const held = new HeldPositions(surroundings.held);
    const group = { kafka: kafkaConfigOf(config, logger), groupId: applicationId, logger };
    const lastMember = lock.word(`member of ${applicationId}`);
    const remembered = new RememberedMember({ ...group, cluster, clock, memory: lastMember });
    await startup.mustFitGroup(decidingSettings, await remembered.predecessor());
    if (this.#stopping.signal.aborted) return;
    const membership = createMembership({
      ...{ config, logger, clock, cluster, remembered, decidingSettings, held, onCrash, failures: this.#failures },
      partitions: topics.partitions.syncEvents,
      httpAddress: () => this.#http?.advertisedAddress ?? null,
      running: () => [...(this.#partitions?.statuses().keys() ?? [])],
    });
    this.#own('group membership', () => membership.stop());
    const memory = memoryBudget(logger);
    // Every partition may come to this instance, to run or as a standby, and has one store then.
    const storeBytes = Math.floor(memory.storesBytes / topics.partitions.syncEvents);
    const folders = new ExclusiveStateDirectory(new RocksStateDirectory(config.stateDir, clock, storeBytes));
    const state = new TimedStateDirectory(folders, clock);
    this.#state = state;
    const size = () => this.#partitions?.size ?? 0;
    const observer = new MetricsObserver(
      metrics,
      () => performance.now(),
      () => clock.now(),
    );
    const looks = createLogs(this.#options, this.#own);
    const oldestUncommitted = new OldestUncommitted({ registry: metrics, clock, logs: looks, topic });
    const context = createPipelineContext({
      ...this.#options,
      observers: [
        observer,
        oldestUncommitted,
        new StateMetricsObserver(metrics, (partition) => this.#isCutOff(partition)),
        this.#board,
        this.#figures,
        ...this.#options.observers,
      ],
      ...{ topics, registry, decidingSettings, membership, held, size, state, memory },
      ...{ own: this.#own, failures: this.#failures },
    });
    const partitions = new PartitionSet(context);
    this.#partitions = partitions;
    const standbys = new StandbySet(context);
    this.#standbys = standbys;
    const isUsed = (partition: number) =>
      partitions.statuses().has(partition) || standbys.partitions().includes(partition);
    const sweep = { stateDir, retentionMs, volume: this.#chores, state: folders, isUsed, held };
    const garbage = new StateGarbage({ ...sweep, clock, observer: context.observer });
    this.#own('state sweep', () => garbage.close());
    this.#inspection = this.#inspect(context, partitions, topics, registry, membership, looks);

    const instance = new InstanceMetrics({
      ...{ registry: metrics, clock, logger, logs: context.inputLogs, topic: topic },
      ...{ inputPartitions: topics.partitions.syncEvents, local: partitions },
      deadLetterRetentionMs: topics.deadLetterRetentionMs,
      changelogBytes: (partition) => looks.bytesOf({ topic: context.topics.changelog, partition }),
      stateSize: () => this.#chores.within(OPEN_DEADLINE_MS, 'measuring STATE_DIR', () => stateSize(config.stateDir)),
      onLag: (...told) => [observer, this.#figures].forEach((view) => view.lag(...told)),
      oldestUncommitted,
    });
    void instance.run(this.#stopping.signal);

    const input = { leaders: cluster.leaders, clock, topic, partitions: topics.partitions.syncEvents };
    void inputHasGrown(input, this.#stopping.signal).then((error) => error !== null && onCrash(error), onCrash);
    // The leader gives nothing to a member whose settings differ, and only that member can end itself.
    const onMisfit = (error: Error) => (this.#stopping.signal.aborted ? undefined : onCrash(error));
    this.#starting = { phase: 'joining the group', because: null };
    this.#failures.failed('group', null, this.#starting.phase);
    await membership.start((...told) => {
      const [assigned = [], standby = []] = told.map((some) => existingOf(some, input.partitions));
      logger.info({ partitions: assigned, standbys: standby, memberId: membership.memberId }, 'partitions assigned');
      if (!this.#stopping.signal.aborted) this.#starting = null;
      if (assigned.length + standby.length === 0)
        void startup.mustFitGroup(decidingSettings, membership.memberId).catch(onMisfit);
      instance.rebalanced(assigned, standby);
      // In this order, a standby that is to run closes its store before the take-over wants it.
      standbys.assign(standby);
      partitions.assign(assigned);
      garbage.start();
    });
  }

  #inspect(
    context: PipelineContext,
    local: PartitionSet,
    topics: CheckedTopics,
    { schema, source: schemas }: KnownRegistry,
    membership: KafkaGroupMembership,
    logs: KafkaLogs,
  ): Inspection {
    const { cluster, config, logger, clock } = this.#options;
    const { applicationId: groupId } = config;
    const { input: topic } = context.topics;
    const owners = new GroupOwners({ kafka: kafkaConfigOf(config, logger), cluster, groupId, topic, clock });
    this.#own('group owners', () => owners.close());
    const { syncEvents: partitions } = topics.partitions;
    return createInspection({
      ...{ context, local, partitions, owners, logs, schema, schemas, proofs: this.#proofs, figures: this.#figures },
      failures: this.#failures,
      address: () => this.#http?.advertisedAddress ?? null,
      memberId: () => membership.memberId,
      logger,
    });
  }

  /** Whether the standby of a partition cannot read its changelog. */
  #isCutOff(partition: number): boolean {
    return (
      this.#dependencies.isReachable('brokers') === false || this.#failures.failureOf('standby', partition) !== null
    );
  }

  readonly #own = (name: string, close: () => Promise<void>): void => {
    this.#resources.push({ name, close });
  };

  #view(): ServiceView {
    return {
      starting: () => this.#starting,
      partitions: () => this.#partitions?.statuses() ?? new Map<number, PartitionStatus>(),
      figures: this.#board,
      failures: this.#failures,
      dependencies: this.#dependencies,
      inspection: () => this.#inspection,
    };
  }
}
