/** One instance of the processor: everything wired together, from its start to its stop. */
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { counterpartOf, type Config } from './config.js';
import { RegistryUnavailableError } from './decode/schema-source.js';
import { createAssignor } from './kafka/assignor.js';
import { GroupOwners } from './kafka/group-owners.js';
import { KafkaGroupMembership } from './kafka/group-membership.js';
import { inputHasGrown } from './kafka/input-growth.js';
import { kafkaConfigOf } from './kafka/kafka-config.js';
import type { KafkaLogs } from './kafka/kafka-logs.js';
import { MembershipLostError } from './kafka/membership-errors.js';
import { RememberedMember } from './kafka/remembered-member.js';
import { SchemaRegistry } from './kafka/schema-registry.js';
import { checkTopics, type CheckedTopics } from './kafka/topics.js';
import { Backoff } from './lib/backoff.js';
import type { Clock } from './lib/clock.js';
import { FailureWatch } from './ops/failure-watch.js';
import { startHttpServer, type HttpServer, type ServiceView } from './ops/http-server.js';
import { createInspection, type Inspection } from './ops/inspection.js';
import { InstanceMetrics } from './ops/instance-metrics.js';
import { MetricsObserver } from './ops/metrics-observer.js';
import { OldestUncommitted } from './ops/oldest-uncommitted.js';
import { PartitionFigures } from './ops/partition-figures.js';
import { ProgressBoard } from './ops/progress-board.js';
import { StateGarbage } from './ops/state-garbage.js';
import { StateMetricsObserver } from './ops/state-metrics-observer.js';
import { createLogs, createPipelineContext, knownRegistry, type KnownRegistry } from './pipeline-context.js';
import type { PipelineContext } from './pipeline/context.js';
import { BrokerError } from './pipeline/errors.js';
import { HeldPositions } from './pipeline/held-positions.js';
import type { PartitionStatus, PipelineObserver } from './pipeline/observer.js';
import { PartitionSet } from './pipeline/partition-set.js';
import { StandbySet } from './pipeline/standby-set.js';
import { CallDeadline, OPEN_DEADLINE_MS } from './store/call-deadline.js';
import { ExclusiveStateDirectory } from './store/exclusive-state-directory.js';
import { readHeldState } from './store/held-state.js';
import { InstanceLock } from './store/instance-lock.js';
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
  /** Told besides logs and metrics. */
  readonly observers: readonly Partial<PipelineObserver>[];
  /** The instance cannot go on: the process must end loudly. */
  readonly onCrash: (error: Error) => void;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** How long one part may take to close; a batch in flight is aborted by whoever takes its partition over. */
const CLOSE_PATIENCE_MS = 4_000;
/** A call to a store that has not ended after this long counts as one that hangs when the process ends. */
const HANGING_MS = 3_000;

export class Service {
  readonly #options: ServiceOptions;
  readonly #stopping = new AbortController();
  /** What is closed once the partitions are. */
  readonly #resources: { readonly name: string; close(): Promise<void> }[] = [];
  readonly #board = new ProgressBoard();
  #startingBecause: string | null = 'starting';
  /** For the calls to STATE_DIR before and besides those to the partitions' stores. */
  readonly #volume: CallDeadline;
  #state: TimedStateDirectory | null = null;
  #lock: InstanceLock | null = null;
  #partitions: PartitionSet | null = null;
  #standbys: StandbySet | null = null;
  #inspection: Inspection | null = null;
  readonly #figures: PartitionFigures;
  readonly #failures: FailureWatch;
  #http: HttpServer | null = null;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#volume = new CallDeadline(options.clock);
    this.#figures = new PartitionFigures(() => options.clock.now());
    this.#failures = new FailureWatch(() => options.clock.now());
  }

  /** Where HTTP listens; known once `start` has begun to wait for others. */
  get address(): string | null {
    return this.#http?.address ?? null;
  }

  /**
   * Starts everything; waits for brokers and registry as long as they give no usable answer.
   * @throws StateDirInUseError, StateDirOfOtherError, UnfitTopicsError, StartupError; call `stop` then too
   */
  async start(): Promise<void> {
    const { config, logger, clock } = this.#options;
    const lock = await InstanceLock.take(config.stateDir, clock, this.#volume);
    this.#lock = lock;

    const metrics = new Registry();
    collectDefaultMetrics({ register: metrics });
    this.#failures.register(metrics);
    const http = await startHttpServer(config.http, this.#view(), metrics, this.#options.pageFolder);
    this.#http = http;
    this.#own('http', () => http.close());
    logger.info({ address: http.address, applicationId: config.applicationId }, 'listening');

    const topics = await this.#topics();
    const registry = await this.#registry();
    if (topics === null || registry === null) return;
    await this.#run(lock, metrics, topics, registry);
  }

  /** Whether a call to a store hangs: then Node cannot end the process either. */
  get hangsOnVolume(): boolean {
    return Math.max(this.#volume.longestMs, this.#state?.longestMs ?? 0) > HANGING_MS;
  }

  /** Finishes the batches in flight, leaves the group and closes everything. Idempotent; never throws. */
  async stop(): Promise<void> {
    this.#startingBecause = 'stopping';
    if (!this.#stopping.signal.aborted) await this.#inspection?.successors.tell();
    this.#stopping.abort();
    await Promise.all([
      this.#closePatiently('partitions', this.#partitions?.close()),
      this.#closePatiently('standbys', this.#standbys?.close()),
    ]);
    await Promise.all(this.#resources.splice(0).map((owned) => this.#closePatiently(owned.name, owned.close())));
    await this.#closePatiently('state folder lock', this.#lock?.release());
    this.#lock = null;
  }

  /** Never rejects, and waits no longer than CLOSE_PATIENCE_MS. */
  async #closePatiently(name: string, closing: Promise<void> | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    const closed = closing?.catch((err: unknown) => logger.warn({ err, name }, 'could not be closed'));
    const enough = new AbortController();
    await Promise.race([closed, clock.delay(CLOSE_PATIENCE_MS, enough.signal)]);
    enough.abort();
  }

  async #topics(): Promise<CheckedTopics | null> {
    const { config, logger, clock } = this.#options;
    const logs = createLogs(this.#options, this.#own);
    const check = () => checkTopics(kafkaConfigOf(config, logger), clock, logs, config.topics);
    const topics = await this.#patiently('the brokers', check, BrokerError);
    for (const warning of topics?.warnings ?? []) logger.warn(warning);
    return topics;
  }

  #registry(): Promise<KnownRegistry | null> {
    const { config, schemasFolder } = this.#options;
    const source = new SchemaRegistry(config.schemaRegistry);
    return knownRegistry(source, config.topics, schemasFolder, (ask) =>
      this.#patiently('the schema registry', ask, RegistryUnavailableError),
    );
  }

  async #run(lock: InstanceLock, metrics: Registry, topics: CheckedTopics, registry: KnownRegistry): Promise<void> {
    const { config, logger, clock, onCrash } = this.#options;
    const { applicationId } = config;
    const owner = { clusterId: topics.clusterId, applicationId, topic: config.topics.syncEvents };
    const held = new HeldPositions(await readHeldState(config.stateDir, owner, counterpartOf(config), this.#volume));
    const group = { kafka: kafkaConfigOf(config, logger), groupId: applicationId, logger };
    const membership: KafkaGroupMembership = new KafkaGroupMembership({
      ...group,
      topic: owner.topic,
      assigner: createAssignor(owner.topic, topics.partitions.syncEvents, () => ({
        httpAddress: this.#http?.advertisedAddress ?? null,
        numStandby: config.numStandby,
        memberId: membership.memberId,
        partitions: [...(this.#partitions?.statuses().keys() ?? [])],
        held: held.all(),
      })),
      remembered: new RememberedMember({ ...group, clock, memory: lock.word(`member of ${applicationId}`) }),
      onCrash: (cause) => onCrash(new MembershipLostError(cause)),
      onTrouble: (error) => this.#failures.failed('group', null, error),
      onAlive: () => this.#failures.progressed('group', null),
    });
    this.#own('group membership', () => membership.stop());
    const folders = new ExclusiveStateDirectory(new RocksStateDirectory(config.stateDir, clock));
    const state = new TimedStateDirectory(folders, clock);
    this.#state = state;
    const size = () => this.#partitions?.size ?? 0;
    const observer = new MetricsObserver(
      metrics,
      () => performance.now(),
      () => clock.now(),
    );
    const looks = createLogs(this.#options, this.#own);
    const oldestUncommitted = new OldestUncommitted({ registry: metrics, clock, logs: looks, topic: owner.topic });
    const context = createPipelineContext({
      ...this.#options,
      observers: [
        observer,
        oldestUncommitted,
        new StateMetricsObserver(metrics),
        this.#board,
        this.#figures,
        ...this.#options.observers,
      ],
      ...{ topics, registry, membership, held, size, state },
      ...{ own: this.#own, failures: this.#failures },
    });
    const partitions = new PartitionSet(context);
    this.#partitions = partitions;
    const standbys = new StandbySet(context);
    this.#standbys = standbys;
    const isUsed = (partition: number) =>
      partitions.statuses().has(partition) || standbys.partitions().includes(partition);
    const { stateDir, stateRetentionMs: retentionMs } = config;
    const told = context.observer;
    const garbage = new StateGarbage({ stateDir, retentionMs, state: folders, isUsed, held, clock, observer: told });
    this.#own('state sweep', () => garbage.close());
    this.#inspection = this.#inspect(context, partitions, topics, registry, membership, looks);

    const sizes = new CallDeadline(clock);
    const instance = new InstanceMetrics({
      ...{ registry: metrics, clock, logger, logs: context.inputLogs, topic: owner.topic },
      inputPartitions: topics.partitions.syncEvents,
      local: partitions,
      deadLetterRetentionMs: topics.deadLetterRetentionMs,
      stateSize: () => sizes.within(OPEN_DEADLINE_MS, 'measuring STATE_DIR', () => stateSize(config.stateDir)),
      onLag: (...told) => observer.lag(...told),
      oldestUncommitted,
    });
    void instance.run(this.#stopping.signal);

    const input = { kafka: group.kafka, clock, topic: owner.topic, partitions: topics.partitions.syncEvents };
    void inputHasGrown(input, this.#stopping.signal).then((error) => error !== null && onCrash(error), onCrash);
    this.#startingBecause = 'joining the group';
    this.#failures.failed('group', null, this.#startingBecause);
    await membership.start((assigned, standby) => {
      logger.info({ partitions: assigned, standbys: standby, memberId: membership.memberId }, 'partitions assigned');
      if (!this.#stopping.signal.aborted) this.#startingBecause = null;
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
    { type, source: schemas }: KnownRegistry,
    membership: KafkaGroupMembership,
    logs: KafkaLogs,
  ): Inspection {
    const { config, logger, clock } = this.#options;
    const { applicationId: groupId, http } = config;
    const { input: topic } = context.topics;
    const owners = new GroupOwners({ kafka: kafkaConfigOf(config, logger), groupId, topic, clock });
    this.#own('group owners', () => owners.close());
    const { syncEvents: partitions } = topics.partitions;
    return createInspection({
      ...{ context, local, partitions, owners, logs, type, schemas, token: http.token, figures: this.#figures },
      address: () => this.#http?.advertisedAddress ?? null,
      memberId: () => membership.memberId,
      logger,
    });
  }

  /** Asks until there is an answer: what is down at the start is waited for. Null when stopped meanwhile. */
  async #patiently<T>(whom: string, ask: () => Promise<T>, outage: new (...args: never[]) => Error): Promise<T | null> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof outage)) throw error;
        this.#startingBecause = `waiting for ${whom}: ${error.message}`;
        logger.warn({ err: error }, `waiting for ${whom}`);
        await clock.delay(backoff.next(), signal);
      }
    }
    return null;
  }

  readonly #own = (name: string, close: () => Promise<void>): void => {
    this.#resources.push({ name, close });
  };

  #view(): ServiceView {
    return {
      startingBecause: () => this.#startingBecause,
      partitions: () => this.#partitions?.statuses() ?? new Map<number, PartitionStatus>(),
      figures: this.#board,
      failures: this.#failures,
      inspection: () => this.#inspection,
    };
  }
}
