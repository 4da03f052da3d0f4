/**
 * A deployment on three brokers. The test cuts off the broker that coordinates its group and leads most of its
 * changelog.
 */
import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import { anomalyLines, summaryLine } from '../../testkit/audit/report-lines.js';
import { AvoidedBroker } from './avoided-broker.js';
import { BrokerView } from './broker-views.js';
import type { Broker } from '../../testkit/cluster/cluster.js';
import type { DivisibleCluster } from '../../testkit/cluster/divisible-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { consumed } from './outbound.js';
import { Platform, type Place } from './platform.js';
import { preferLeaders } from './preferred-leaders.js';
import { Processors, type LogLine, type Processor } from '../../testkit/processor.js';
import { SteadyLoad } from './steady-load.js';
import { Timeline } from './timeline.js';
import { plainClient } from './topics.js';

export const PARTITIONS = 6;

/** The time limit for the other brokers' election, on a busy machine. */
const LEADERS_TIMEOUT_MS = 60_000;
/** Longer than an election, so one write can wait until the election is over. */
const WRITE_RETRIES = { retries: 100, initialRetryTime: 200, maxRetryTime: 500 };
const MAX_ANOMALIES_SHOWN = 3;

/** The broker that an instance asks first. */
export type FirstBroker = 'the one to be cut off' | 'another';

/**
 * Lines about companies and bad records are left out, because there are too many. The audit names the important ones.
 */
const isShown = ({ msg }: LogLine): boolean =>
  !/^(company is synchronized|record copied to the dead-letter topic)/.test(msg);

/** Nothing here needs an operator, and no state folder is wrong. So such a line means that an instance was misled. */
const isMisled = ({ msg, state }: LogLine): boolean => state === 'blocked' || msg.startsWith('state folder set aside');

export class CutOffStage {
  readonly processors = new Processors();
  readonly timeline = new Timeline();
  readonly deployment: Deployment;
  readonly load: SteadyLoad;
  readonly #cluster: DivisibleCluster;
  readonly #platform: Platform;
  /** The platform's producer stays connected to the other brokers. */
  readonly #avoided: AvoidedBroker;
  readonly #victim: Broker;
  readonly #others: readonly Broker[];

  private constructor(parts: {
    deployment: Deployment;
    cluster: DivisibleCluster;
    platform: Platform;
    avoided: AvoidedBroker;
    victim: Broker;
  }) {
    this.deployment = parts.deployment;
    this.#cluster = parts.cluster;
    this.#platform = parts.platform;
    this.#avoided = parts.avoided;
    this.#victim = parts.victim;
    this.#others = parts.cluster.brokers.filter(({ id }) => id !== parts.victim.id);
    this.load = new SteadyLoad(parts.platform, parts.deployment);
  }

  /** A new deployment under load. Call `end` at the end. */
  static async set(cluster: DivisibleCluster, registryUrl: string): Promise<CutOffStage> {
    const { bootstrap, brokers } = cluster;
    const deployment = await deploy({ bootstrap, registryUrl }, { partitions: PARTITIONS });
    const victim = await coordinatorOf(deployment, brokers);
    const [a = 0, b = 0] = brokers.map(({ id }) => id).filter((id) => id !== victim.id);
    const v = victim.id;
    // All combinations occur: usually it leads the changelog; sometimes the input too, or only the input.
    await preferLeaders(bootstrap, deployment.topics.state, [v, v, v, v, v, a]);
    await preferLeaders(bootstrap, deployment.topics.events, [a, b, a, b, v, v]);
    const avoided = new AvoidedBroker();
    const { socketFactory } = avoided;
    const platform = await Platform.connect(
      deployment,
      plainClient(bootstrap, { socketFactory, retry: WRITE_RETRIES }),
    );
    await platform.choose('client-1', 'ALL_DATASETS');
    const stage = new CutOffStage({ deployment, cluster, platform, avoided, victim });
    await stage.#leadsItsShare();
    stage.timeline.note(`broker ${victim.id} (${victim.address}) coordinates ${deployment.applicationId}`);
    return stage;
  }

  start(name: string, first: FirstBroker, stateDir?: string): Processor {
    const victimFirst = [this.#victim, ...this.#others].map(({ address }) => address);
    const brokers = first === 'another' ? [...victimFirst.slice(1), this.#victim.address] : victimFirst;
    const settings = { KAFKA_BROKERS: brokers.join(',') };
    const processor = this.processors.start(
      this.deployment,
      stateDir === undefined ? { settings } : { settings, stateDir },
    );
    this.timeline.note(`${name} starts, asks ${first} first`);
    this.timeline.follow(name, processor);
    return processor;
  }

  /** Resolves once the other brokers have elected a coordinator and leaders. */
  async cutOff(): Promise<void> {
    this.timeline.note(`broker ${this.#victim.id} is cut off`);
    this.#cluster.network.cutOff(this.#victim.id);
    this.#avoided.avoid(this.#victim.address);
    await this.#poll('the others have elected without it', async () => {
      const led = await Promise.all(this.#others.map((other) => this.#ledByVictim(other)));
      return led.every((names) => names.length === 0);
    });
    await this.noteViews('the others have elected');
  }

  /** Resolves once the broker that was cut off leads its partitions again, and reports that itself. */
  async heal(): Promise<void> {
    await this.noteViews('before healing');
    this.#cluster.network.heal(this.#victim.id);
    this.#avoided.avoid(null);
    this.timeline.note('healed');
    await this.#leadsItsShare();
    await this.noteViews('it leads its share again');
  }

  /** Resolves once the true coordinator has committed offsets above all records written so far. */
  async consumedSoFar(): Promise<void> {
    await this.#consumedUpTo(await this.load.more());
  }

  /** Resolves once nothing is written to the input and all of it is consumed. Then no transaction is open. */
  async rest(): Promise<void> {
    this.timeline.note('the load pauses');
    await this.#consumedUpTo(await this.load.pause());
  }

  async #consumedUpTo(places: readonly Place[]): Promise<void> {
    const { applicationId, topics } = this.deployment;
    const ends = lastOffsets(places);
    await this.#poll('all records so far are consumed', async () => {
      const coordinator = await this.#coordinator();
      const committed = await new BrokerView(coordinator).committed(applicationId, topics.events, PARTITIONS);
      return ends.every((end, partition) => (committed[partition] ?? -1) > end);
    });
  }

  /**
   * Ends the load, waits until everything is consumed, stops the instances and audits.
   *
   * @throws Error with all anomalies
   */
  async judge(instances: readonly Processor[]): Promise<void> {
    const places = await this.load.stop();
    this.timeline.note('the load is over');
    const unconsumed: string[] = [];
    await consumed(this.deployment, places).catch((error: Error) => unconsumed.push(error.message));
    this.timeline.note('audit');
    const exits = await Promise.all(instances.map((instance) => instance.stop()));
    const ends = exits.some((exit) => exit !== 0) ? [`instances ended with ${exits.join(', ')}`] : [];
    const report = await auditCluster({ ...this.deployment, settingsInPlaceBefore: 1 });
    const { anomalies } = report;
    this.timeline.note(summaryLine(report));
    if (report.announced === 0) unconsumed.push('nothing was announced');
    const misled = this.timeline.lines(isMisled).filter((line) => !line.includes('---'));
    const faults = [
      ...unconsumed,
      ...ends,
      ...misled.slice(0, MAX_ANOMALIES_SHOWN),
      ...anomalies.slice(0, MAX_ANOMALIES_SHOWN).flatMap(anomalyLines),
    ];
    if (faults.length > 0) throw new Error([summaryLine(report), ...faults].join('\n'));
  }

  async noteViews(when: string): Promise<void> {
    const { applicationId, topics } = this.deployment;
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    for (const broker of [this.#victim, ...this.#others]) {
      const view = new BrokerView(broker);
      const [leaders, coordinator, committed, ends] = await Promise.all([
        said(view.leaders([topics.state]).then((found) => [...found.values()])),
        said(view.groupCoordinator(applicationId)),
        said(view.committed(applicationId, topics.events, PARTITIONS)),
        Promise.all(partitions.map((partition) => said(view.end(topics.state, partition)))),
      ]);
      this.timeline.note(
        `${when}, broker ${broker.id} says: coordinator ${coordinator}, committed ${committed}, ` +
          `changelog's leaders ${leaders}, ends ${ends.join(' ')}`,
      );
    }
  }

  /** Runs `work`. If it fails, adds the timeline to its error. */
  async orTrouble<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      const lines = this.timeline.lines(isShown);
      throw new Error(`${(cause as Error).message}\n\n${lines.join('\n')}`, { cause });
    } finally {
      this.timeline.keep(isShown);
    }
  }

  async end(): Promise<void> {
    this.#cluster.network.heal(this.#victim.id);
    this.#avoided.avoid(null);
    await this.processors.endAll();
    await this.load.stop().catch(() => undefined);
    await this.#platform.close();
  }

  async #leadsItsShare(): Promise<void> {
    await this.#poll('all say that the broker leads its share', async () => {
      const brokers = [this.#victim, ...this.#others];
      const views = await Promise.all(brokers.map((broker) => this.#ledByVictim(broker)));
      const { state, events } = this.deployment.topics;
      const changelogs = [0, 1, 2, 3, 4].map((partition) => `${state}/${partition}`);
      const share = [...changelogs, `${events}/4`, `${events}/5`, 'the group'];
      return views.every((names) => share.every((name) => names.includes(name)));
    });
  }

  /** The value that `broker` reports. */
  async #ledByVictim(broker: Broker): Promise<string[]> {
    const view = new BrokerView(broker);
    const leaders = await view.leaders(Object.values(this.deployment.topics));
    const coordinator = await view.groupCoordinator(this.deployment.applicationId);
    const all = [...leaders, ['the group', coordinator] as const];
    return all.filter(([, id]) => id === this.#victim.id).map(([name]) => name);
  }

  async #coordinator(): Promise<Broker> {
    const [other] = this.#others;
    if (other === undefined) throw new Error('no other broker was started');
    const id = await new BrokerView(other).groupCoordinator(this.deployment.applicationId);
    return this.#cluster.brokers.find((broker) => broker.id === id) ?? other;
  }

  #poll(awaited: string, probe: () => Promise<boolean>): Promise<void> {
    return pollUntil(probe, { awaited, timeoutMs: LEADERS_TIMEOUT_MS });
  }
}

/** The group's coordinator. The first request makes the brokers create the topic `__consumer_offsets`. */
async function coordinatorOf({ applicationId }: Deployment, brokers: readonly Broker[]): Promise<Broker> {
  let found: Broker | undefined;
  const look = async () => {
    const [asked] = brokers;
    if (asked === undefined) return false;
    const id = await new BrokerView(asked).groupCoordinator(applicationId);
    found = brokers.find((broker) => broker.id === id);
    return found !== undefined;
  };
  await pollUntil(look, { awaited: `${applicationId} has a coordinator`, timeoutMs: LEADERS_TIMEOUT_MS });
  return found as unknown as Broker;
}

function lastOffsets(places: readonly Place[]): number[] {
  const last = Array.from({ length: PARTITIONS }, () => -1);
  for (const { partition, offset } of places) last[partition] = Math.max(offset, last[partition] ?? -1);
  return last;
}

/** The answer; if the broker refuses, the refusal as text. */
function said(answer: Promise<unknown>): Promise<string> {
  return answer.then(
    (value) => JSON.stringify(value),
    (error: Error) => `(${error.message})`,
  );
}
