/** What an instance creates after the start has checked brokers, registry and state folder, and how it then takes part in the group. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Config } from './config.js';
import { createMembership } from './group-member.js';
import type { ClusterView } from './kafka/connection/cluster-view.js';
import type { KafkaGroupMembership } from './kafka/group/group-membership.js';
import { GroupOwners } from './kafka/group/group-owners.js';
import { existingOf } from './kafka/group/member-messages.js';
import type { RememberedMember } from './kafka/group/remembered-member.js';
import type { KafkaLogs } from './kafka/reading/kafka-logs.js';
import type { LargeBatches } from './kafka/reading/large-batches.js';
import { inputHasGrown, watchOutbound } from './kafka/topics/input-growth.js';
import { createPartitioner, type GrowingPartitioner } from './kafka/transactions/partitioner.js';
import type { Clock } from './lib/clock.js';
import type { FailureWatch } from './ops/failure-watch.js';
import { createInspection, type Inspection } from './ops/inspection.js';
import { InstanceMetrics } from './ops/instance-metrics.js';
import type { MemberProofs } from './ops/member-proof.js';
import type { MemoryBudget } from './ops/memory-budget.js';
import { MetricsObserver } from './ops/metrics-observer.js';
import { OldestUncommitted } from './ops/oldest-uncommitted.js';
import type { PartitionFigures } from './ops/partition-figures.js';
import { StateGarbage } from './ops/state-garbage.js';
import { StateMetricsObserver } from './ops/state-metrics-observer.js';
import { createLogs, createPipelineContext, outboundPartitions, type OnClose } from './pipeline-context.js';
import type { PipelineContext } from './pipeline/context.js';
import { StatePositions } from './pipeline/state-positions.js';
import type { PipelineObserver } from './pipeline/observer.js';
import { isInChangelog } from './pipeline/only-copy.js';
import { PartitionSet } from './pipeline/partition-set.js';
import { StandbySet } from './pipeline/standby-set.js';
import type { Startup, StartFacts } from './startup.js';
import { OPEN_DEADLINE_MS, type CallDeadline } from './store/call-deadline.js';
import { ExclusiveStateDirectory } from './store/exclusive-state-directory.js';
import { TimedStateDirectory } from './store/timed-state-directory.js';
import type { AddSettings } from './lib/shell-command.js';
import type { Surroundings } from './surroundings.js';

export interface RunningInstanceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly surroundings: Surroundings;
  readonly cluster: ClusterView;
  readonly largeBatches: LargeBatches;
  readonly startup: Pick<Startup, 'mustFitGroup'>;
  readonly startFacts: StartFacts;
  readonly remembered: RememberedMember;
  readonly metrics: Registry;
  readonly failures: FailureWatch;
  readonly figures: PartitionFigures;
  readonly proofs: MemberProofs;
  /** Notified in addition to logs and metrics. */
  readonly observers: readonly Partial<PipelineObserver>[];
  /** Limits slow calls to STATE_DIR that nothing else waits for. */
  readonly chores: CallDeadline;
  /** Whether the standby of a partition cannot read its changelog. */
  readonly isCutOff: (partition: number) => boolean;
  /** Where the other instances reach this one; null while that is unknown. */
  readonly httpAddress: () => string | null;
  /** For commands in the answers about partitions. */
  readonly addSettings: AddSettings;
  readonly onClose: OnClose;
  /** Called when the instance cannot continue: the process must end with an error. */
  readonly onCrash: (error: Error) => void;
  /** Aborts when the instance stops. */
  readonly signal: AbortSignal;
}

export class RunningInstance {
  readonly partitions: PartitionSet;
  readonly standbys: StandbySet;
  readonly inspection: Inspection;
  readonly state: TimedStateDirectory;
  readonly #options: RunningInstanceOptions;
  readonly #topic: string;
  readonly #statePositions: StatePositions;
  readonly #membership: KafkaGroupMembership;
  /** Reads for metrics and inspection, so that these slow no partition. */
  readonly #logs: KafkaLogs;
  readonly #folders: ExclusiveStateDirectory;
  readonly #metricsObserver: MetricsObserver;
  readonly #oldestUncommitted: OldestUncommitted;
  readonly #outbound: ReadonlyMap<string, number>;
  readonly #partitioner: GrowingPartitioner;
  readonly #context: PipelineContext;
  readonly #garbage: StateGarbage;
  readonly #metrics: InstanceMetrics;

  /** Creates everything and starts nothing: see `join`. */
  constructor(options: RunningInstanceOptions) {
    const { config, clock, metrics, startFacts } = options;
    this.#options = options;
    this.#topic = config.topics.syncEvents;
    this.#statePositions = new StatePositions(startFacts.statePositions);
    this.#membership = this.#createMembership();
    this.#logs = createLogs(options, options.onClose);
    const memory = options.surroundings.memory();
    this.#folders = this.#createFolders(memory);
    this.state = new TimedStateDirectory(this.#folders, clock);
    this.#metricsObserver = new MetricsObserver(
      metrics,
      () => performance.now(),
      () => clock.now(),
    );
    this.#oldestUncommitted = new OldestUncommitted({
      registry: metrics,
      clock,
      logs: this.#logs,
      topic: this.#topic,
    });
    this.#outbound = outboundPartitions(config, startFacts.topics);
    this.#partitioner = createPartitioner(startFacts.topics.partitions.syncEvents, this.#outbound);
    this.#context = this.#createContext(memory);
    this.partitions = new PartitionSet(this.#context);
    this.standbys = new StandbySet(this.#context);
    this.#garbage = this.#createGarbage();
    this.inspection = this.#createInspection();
    this.#metrics = this.#createMetrics();
  }

  /**
   * Joins the group, then runs what the group assigns.
   * @param onAssigned called at each assignment, before its partitions start
   */
  async join(onAssigned: () => void): Promise<void> {
    const { cluster, clock, logger, signal, onCrash, startup, startFacts } = this.#options;
    void this.#metrics.run(signal);
    const input = { leaders: cluster.leaders, clock, topic: this.#topic, partitions: this.#inputPartitions };
    void inputHasGrown(input, signal).then((error) => error !== null && onCrash(error), onCrash);
    void this.#followOutbound().catch(onCrash);
    const membership = this.#membership;
    // The leader gives nothing to a member whose settings differ, and only that member can end itself.
    const onMisfit = (error: Error) => (signal.aborted ? undefined : onCrash(error));
    await membership.start((...assignment) => {
      const [assigned = [], standby = []] = assignment.map((numbers) => existingOf(numbers, this.#inputPartitions));
      logger.info({ partitions: assigned, standbys: standby, memberId: membership.memberId }, 'partitions assigned');
      onAssigned();
      if (assigned.length + standby.length === 0)
        void startup.mustFitGroup(startFacts.decidingSettings, membership.memberId).catch(onMisfit);
      this.#metrics.rebalanced(assigned, standby);
      // In this order, a standby that is to run closes its store before the take-over opens it.
      this.standbys.assign(standby);
      this.partitions.assign(assigned);
      this.#garbage.start();
    });
  }

  get #inputPartitions(): number {
    return this.#options.startFacts.topics.partitions.syncEvents;
  }

  #createMembership(): KafkaGroupMembership {
    const { startFacts, onClose } = this.#options;
    const membership = createMembership({
      ...this.#options,
      decidingSettings: startFacts.decidingSettings,
      statePositions: this.#statePositions,
      partitions: this.#inputPartitions,
      running: () => [...this.partitions.statuses().keys()],
    });
    onClose('group membership', () => membership.stop());
    return membership;
  }

  /** The group may assign every partition to this instance, to run or as a standby. Each then has a store. */
  #createFolders(memory: MemoryBudget): ExclusiveStateDirectory {
    const storeBytes = Math.floor(memory.storesBytes / this.#inputPartitions);
    return new ExclusiveStateDirectory(this.#options.surroundings.volume.directory(storeBytes));
  }

  #followOutbound(): Promise<void> {
    const { cluster, clock, logger, signal } = this.#options;
    const onGrown = (topic: string, from: number, to: number): void => {
      this.#partitioner.grown(topic, to);
      logger.warn({ topic, from, to }, 'a written topic has more partitions; choosing partitions by the new number');
    };
    return watchOutbound({ leaders: cluster.leaders, partitions: this.#outbound, clock, onGrown }, signal);
  }

  #createContext(memory: MemoryBudget): PipelineContext {
    const { metrics, isCutOff, figures, observers, startFacts } = this.#options;
    return createPipelineContext({
      ...this.#options,
      observers: [
        this.#metricsObserver,
        this.#oldestUncommitted,
        new StateMetricsObserver(metrics, isCutOff),
        figures,
        ...observers,
      ],
      topics: startFacts.topics,
      registry: startFacts.registry,
      decidingSettings: startFacts.decidingSettings,
      membership: this.#membership,
      partitioner: this.#partitioner,
      statePositions: this.#statePositions,
      size: () => this.partitions.size,
      state: this.state,
      memory,
    });
  }

  #createGarbage(): StateGarbage {
    const { config, clock, chores, onClose, surroundings } = this.#options;
    const garbage = new StateGarbage({
      folders: surroundings.volume,
      retentionMs: config.stateRetentionMs,
      volume: chores,
      state: this.#folders,
      isUsed: (partition) =>
        this.partitions.statuses().has(partition) || this.standbys.partitions().includes(partition),
      isInChangelog: (partition, rows, signal) => isInChangelog(this.#context, partition, rows, signal),
      statePositions: this.#statePositions,
      clock,
      observer: this.#context.observer,
    });
    onClose('state sweep', () => garbage.close());
    return garbage;
  }

  #createInspection(): Inspection {
    const { config, logger, clock, cluster, proofs, figures, failures, httpAddress, addSettings, onClose } =
      this.#options;
    const { schema, source } = this.#options.startFacts.registry;
    const owners = new GroupOwners({
      kafka: this.#options.surroundings.kafka,
      cluster,
      groupId: config.applicationId,
      topic: this.#topic,
      clock,
    });
    onClose('group owners', () => owners.close());
    return createInspection({
      context: this.#context,
      local: this.partitions,
      partitions: this.#inputPartitions,
      owners,
      logs: this.#logs,
      schema,
      schemas: source,
      proofs,
      figures,
      failures,
      address: httpAddress,
      addSettings,
      memberId: () => this.#membership.memberId,
      logger,
    });
  }

  #createMetrics(): InstanceMetrics {
    const { surroundings, metrics, clock, logger, figures, chores, startFacts } = this.#options;
    const { changelog } = this.#context.topics;
    return new InstanceMetrics({
      registry: metrics,
      clock,
      logger,
      logs: this.#context.inputLogs,
      topic: this.#topic,
      inputPartitions: this.#inputPartitions,
      local: this.partitions,
      deadLetterRetentionMs: startFacts.topics.deadLetterRetentionMs,
      stateSize: () => chores.within(OPEN_DEADLINE_MS, 'measuring STATE_DIR', () => surroundings.volume.size()),
      changelogBytes: (partition) => this.#logs.bytesOf({ topic: changelog, partition }),
      onLag: (partition, records) => {
        this.#metricsObserver.lag(partition, records);
        figures.lag(partition, records);
      },
      oldestUncommitted: this.#oldestUncommitted,
    });
  }
}
