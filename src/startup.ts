/**
 * Finds out what an instance must know of brokers, registry and state folder before it joins the group. Waits for
 * services that are down.
 */
import type { Logger } from 'pino';
import type { Config } from './config.js';
import { decidingSettingsOf, type DecidingSettings } from './deciding-settings.js';
import { RegistryUnavailableError } from './decode/schema-source.js';
import type { AskedCluster, ClusterView } from './kafka/connection/cluster-view.js';
import type { KafkaLogs } from './kafka/reading/kafka-logs.js';
import type { LargeBatches } from './kafka/reading/large-batches.js';
import { versionFaults } from './kafka/connection/required-versions.js';
import { checkTopics, type CheckedTopics } from './kafka/topics/topics.js';
import { Backoff } from './lib/backoff.js';
import type { Clock } from './lib/clock.js';
import { createLogs, type KnownRegistry, type OnClose } from './pipeline-context.js';
import { BrokerError } from './pipeline/errors.js';
import {
  checkFirstStart,
  checkGroup,
  checkTransactionalIds,
  MisconfiguredError,
  StartupError,
  type StartFinding,
} from './start-checks.js';
import type { CallDeadline } from './store/call-deadline.js';
import type { InstanceRegistry, Surroundings } from './surroundings.js';

export interface StartupOptions {
  /** Limits the calls to the state volume. */
  readonly volume: CallDeadline;
  readonly cluster: ClusterView;
  readonly largeBatches: LargeBatches;
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly surroundings: Surroundings;
  /** Aborts when the instance stops. */
  readonly signal: AbortSignal;
  readonly onClose: OnClose;
  /** Called with what the start waits for, and with the reason, which may contain addresses. */
  readonly onWaiting: (phase: WaitingFor, because: string) => void;
}

/** What a start waits for. */
type WaitingFor = 'waiting for the brokers' | 'waiting for the schema registry';

/** What a start has found out about brokers, registry and state folder. */
export interface StartFacts {
  readonly topics: CheckedTopics;
  readonly registry: KnownRegistry;
  readonly decidingSettings: DecidingSettings;
  /** Partition -> changelog position of the state in STATE_DIR. */
  readonly statePositions: ReadonlyMap<number, number>;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export class Startup {
  readonly #options: StartupOptions;

  constructor(options: StartupOptions) {
    this.#options = options;
  }

  /**
   * Finds out everything that the instance needs to know. Returns null if it is stopped meanwhile.
   * @throws StateDirOfOtherError, UnfitTopicsError, MisconfiguredError, StartupError
   */
  async findOut(): Promise<StartFacts | null> {
    const { config, onClose, surroundings, volume } = this.#options;
    const logs = createLogs(this.#options, onClose);
    const asked = this.#registry();
    asked.catch(() => undefined); // awaited below, unless the topics are refused first
    const topics = await this.#patiently('waiting for the brokers', () => this.#checkTopics(logs), BrokerError);
    if (topics === null) return null;
    for (const warning of topics.warnings) this.#options.logger.warn(warning);
    const { clusterId } = topics;
    const owner = { clusterId, applicationId: config.applicationId, topic: config.topics.syncEvents };
    const [statePositions] = await Promise.all([
      surroundings.volume.positions(owner, volume),
      this.#mustBeConsentedTo(topics, logs),
    ]);
    const registry = await asked;
    if (registry === null) return null;
    return { topics, registry, statePositions, decidingSettings: decidingSettingsOf(config, registry.identity) };
  }

  /**
   * Checks the group right before the instance joins it, and again when the leader assigns nothing to the instance.
   * @param ignored the id of this instance as a member, now or before; null if it was never a member
   * @throws MisconfiguredError if a member that runs partitions has other deciding settings, or is not of company-sync
   */
  async mustFitGroup(settings: DecidingSettings, ignored: string | null): Promise<void> {
    this.#mustNotRefuse(await checkGroup(this.#cluster(), this.#options.config, settings, ignored));
  }

  async #checkTopics(logs: KafkaLogs): Promise<CheckedTopics> {
    const { config, clock } = this.#options;
    const cluster = this.#cluster();
    // First: if a broker does not support a request, the checks below fail with an error that does not tell the reason.
    const faults = await versionFaults(cluster.kafka, clock);
    if (faults.length > 0) throw new StartupError(faults.join('\n'));
    const [topics, finding] = await Promise.all([
      checkTopics(cluster.kafka, clock, logs, config),
      checkTransactionalIds(cluster, config),
    ]);
    this.#mustNotRefuse(finding);
    return topics;
  }

  #cluster(): AskedCluster {
    const { surroundings, cluster: view, clock } = this.#options;
    return { kafka: surroundings.kafka, view, clock };
  }

  async #mustBeConsentedTo(topics: CheckedTopics, logs: KafkaLogs): Promise<void> {
    const { config, clock } = this.#options;
    const check = () => checkFirstStart(config, topics, logs, clock).then((found) => ({ found }));
    const checked = await this.#patiently('waiting for the brokers', check, BrokerError);
    this.#mustNotRefuse(checked?.found ?? null);
  }

  #mustNotRefuse(finding: StartFinding | null): void {
    if (finding === null) return;
    if (finding.kind === 'refused') throw new MisconfiguredError(finding.message);
    this.#options.logger.warn(finding.message);
  }

  /** Waits for the registry, and returns what the instance knows of it from then on. Null if stopped meanwhile. */
  async #registry(): Promise<KnownRegistry | null> {
    const { config, surroundings } = this.#options;
    const [types, readers] = await Promise.all([surroundings.eventTypes(), surroundings.readerSchemas()]);
    const source = surroundings.registry;
    const { companySynchronized, companySyncStalled, companySyncFailed } = config.topics;
    const identify = () => source.idOfFirstVersion(subjectOf(companySynchronized)).then((id) => ({ id }));
    const [schemaId, stalledId, failedId, first] = await Promise.all([
      this.#schemaId(source, companySynchronized, types.companySynchronizedSchema),
      this.#schemaId(source, companySyncStalled, types.companySyncStalledSchema),
      this.#schemaId(source, companySyncFailed, types.companySyncFailedSchema),
      this.#patiently('waiting for the schema registry', identify, RegistryUnavailableError),
    ]);
    if (schemaId === null || stalledId === null || failedId === null || first === null) return null;
    const stalled = { type: types.companySyncStalled, schemaId: stalledId };
    const failed = { type: types.companySyncFailed, schemaId: failedId };
    const { companySynchronized: type, companySynchronizedSchema: schema } = types;
    return { source, readers, type, schema, schemaId, stalled, failed, identity: first.id };
  }

  /** The id of a topic's registered schema; null if the instance is stopped before the registry has answered. */
  async #schemaId(source: InstanceRegistry, topic: string, schema: object): Promise<number | null> {
    const subject = subjectOf(topic);
    const ask = () => source.idOf(subject, schema);
    const id = await this.#patiently('waiting for the schema registry', ask, RegistryUnavailableError);
    if (id === null && !this.#options.signal.aborted)
      throw new StartupError(`the schema of ${subject} is not registered: run \`company-sync schemas register\``);
    return id;
  }

  /** Asks until there is an answer, because a service may be down at the start. Returns null if stopped meanwhile. */
  async #patiently<T>(
    phase: WaitingFor,
    ask: () => Promise<T>,
    outage: new (...args: never[]) => Error,
  ): Promise<T | null> {
    const { clock, logger, signal, onWaiting } = this.#options;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        return await ask();
      } catch (error) {
        // At a stop, closed clients refuse the calls that are still waiting.
        if (signal.aborted) return null;
        if (!(error instanceof outage)) throw error;
        onWaiting(phase, error.message);
        logger.warn({ err: error }, phase);
        await clock.delay(backoff.next(), signal);
      }
    }
    return null;
  }
}

function subjectOf(topic: string): string {
  return `${topic}-value`;
}
