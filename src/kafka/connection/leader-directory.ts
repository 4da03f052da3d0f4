/**
 * Knows the leader and the leader epoch of each partition, and the topic id of each topic name.
 *
 * It asks several brokers at once. For each partition, the answer with the highest leader epoch counts. It refuses an
 * epoch below the highest that it has ever seen, because such an answer comes from a broker that is cut off from its
 * peers.
 */
import { Coalesced } from '../../lib/coalesced.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { AnyBroker } from './any-broker.js';
import type { BrokerConnections } from './broker-connections.js';
import { isMost, type Surveyed, type Answered } from './broker-survey.js';
import { metadataOf, type PartitionLeader, type TopicMetadata } from '../protocol/metadata-protocol.js';
import { ERROR_CODES, NO_ERROR } from '../protocol/protocol-errors.js';

/** The cluster does not know the topic or partition, or does not know it yet. */
export class UnknownPartitionError extends Error {
  override readonly name = 'UnknownPartitionError';
}

/** A topic was deleted, and another one was created under its name. */
export class TopicRecreatedError extends BrokerError {
  constructor(
    readonly topic: string,
    was: string,
    is: string,
  ) {
    super(`topic ${topic} was deleted and created again: its id was ${was} and is ${is}`);
  }
}

export interface Leader {
  /** host:port */
  readonly address: string;
  /** -1 if the brokers do not say. */
  readonly epoch: number;
}

/** The result of one look-up of a topic. */
export interface TopicView {
  /** Null if the brokers have no topic ids (before Kafka 2.8). */
  readonly topicId: string | null;
  /** All partitions; null for a partition that has no leader now, or whose named leader cannot be trusted. */
  readonly leaders: ReadonlyMap<number, Leader | null>;
  /** More than half of the known brokers (five at most) have answered, and these give the same topic id. */
  readonly byMost: boolean;
  /** For each partition whose named leader cannot be trusted: why. */
  readonly refused?: ReadonlyMap<number, string>;
}

export class LeaderDirectory {
  readonly #views = new Map<string, TopicView>();
  readonly #lookUps = new Map<string, Coalesced<TopicView>>();
  /** Leaders that have failed since they were looked up. */
  readonly #failed = new Set<string>();
  /**
   * For each topic, the epochs under its last known id. Topics without an id have none: their epochs may begin again at
   * 0.
   */
  readonly #highestEpochs = new Map<string, { readonly topicId: string; readonly epochs: Map<number, number> }>();

  constructor(
    private readonly anyBroker: AnyBroker,
    private readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>,
  ) {}

  /** The leader if it is known. Asks no broker. */
  known(log: TopicPartition): Leader | undefined {
    if (this.#failed.has(nameOf(log))) return undefined;
    return this.#views.get(log.topic)?.leaders.get(log.partition) ?? undefined;
  }

  /** The topic's id as of the last look-up; null if it has none or was not looked up. */
  topicId(topic: string): string | null {
    return this.#views.get(topic)?.topicId ?? null;
  }

  /** Notes that the known leader has failed. It is not used again before the next look-up. */
  forget(log: TopicPartition): void {
    this.#failed.add(nameOf(log));
  }

  /**
   * The leader. Asks the brokers if it is not known.
   * @throws UnknownPartitionError; BrokerError while there is no leader; what kafkajs throws for a failed connection
   */
  async find(log: TopicPartition): Promise<Leader> {
    const known = this.known(log);
    if (known !== undefined) return known;
    return leaderIn(await this.lookUp(log.topic), log);
  }

  /**
   * Asks the brokers now, even if the leaders are known.
   * @throws UnknownPartitionError if the topic does not exist; BrokerError; what kafkajs throws if no broker answers
   */
  lookUp(topic: string): Promise<TopicView> {
    let lookUp = this.#lookUps.get(topic);
    if (lookUp === undefined) {
      lookUp = new Coalesced(() => this.#ask(topic));
      this.#lookUps.set(topic, lookUp);
    }
    return lookUp.ask();
  }

  async #ask(topic: string): Promise<TopicView> {
    const surveyed = await this.anyBroker.askSeveral(
      this.connections,
      (broker) => metadataOf(broker, topic),
      ({ brokers }) => brokers.values(),
      (answers, known) => isMost(agreeing(answers), known),
    );
    const view = this.#viewOf(topic, surveyed);
    for (const partition of view.leaders.keys()) this.#failed.delete(nameOf({ topic, partition }));
    this.#views.set(topic, view);
    return view;
  }

  #viewOf(topic: string, { answers, known: brokers, byMost }: Surveyed<TopicMetadata>): TopicView {
    const known = answers.map(({ answer }) => answer).filter(({ errorCode }) => errorCode === NO_ERROR);
    if (known.length === 0 || known.length * 2 < answers.length) throw refusedBecause(topic, answers);
    const topicId = mostFrequent(known.map((metadata) => metadata.topicId)) ?? null;
    const same = known.filter((metadata) => metadata.topicId === topicId);
    const addresses = new Map(same.flatMap(({ brokers }) => [...brokers]));
    const leaders = new Map<number, Leader | null>();
    const refused = new Map<number, string>();
    for (const [partition, { nodeId, epoch }] of latestOf(same)) {
      const address = addresses.get(nodeId);
      const highest = this.#highestEpoch(topic, topicId, partition, epoch);
      leaders.set(partition, address !== undefined && epoch >= highest ? { address, epoch } : null);
      if (epoch < highest) refused.set(partition, lowerEpoch(epoch, highest));
    }
    return { topicId, leaders, refused, byMost: byMost && isMost(same.length, brokers) };
  }

  /** The highest epoch of the partition that was ever seen, `epoch` included. */
  #highestEpoch(topic: string, topicId: string | null, partition: number, epoch: number): number {
    if (topicId === null) return epoch;
    let highest = this.#highestEpochs.get(topic);
    if (highest?.topicId !== topicId) this.#highestEpochs.set(topic, (highest = { topicId, epochs: new Map() }));
    const known = Math.max(highest.epochs.get(partition) ?? -1, epoch);
    highest.epochs.set(partition, known);
    return known;
  }
}

/** How many brokers give the most frequent topic id: a broker that is cut off may still know a deleted topic. */
function agreeing(answers: readonly Answered<TopicMetadata>[]): number {
  const topics = answers.map(({ answer: { errorCode, topicId } }) => `${errorCode} ${topicId}`);
  const most = mostFrequent(topics);
  return topics.filter((topic) => topic === most).length;
}

/** For each partition, the answer with the highest epoch, even if it says that the partition has no leader. */
function latestOf(views: readonly TopicMetadata[]): Map<number, PartitionLeader> {
  const latest = new Map<number, PartitionLeader>();
  for (const { leaders } of views)
    for (const [partition, leader] of leaders) {
      const before = latest.get(partition);
      if (before === undefined || leader.epoch > before.epoch) latest.set(partition, leader);
    }
  return latest;
}

function lowerEpoch(epoch: number, highest: number): string {
  return (
    `the brokers that answer name the leader of epoch ${epoch}, but epoch ${highest} was seen before: these brokers are ` +
    'cut off from the others. If you have restored the cluster from a copy of its metadata, its epochs have begun again: ' +
    'restart this instance'
  );
}

/** @throws UnknownPartitionError, BrokerError */
export function leaderIn({ leaders, refused }: TopicView, log: TopicPartition): Leader {
  const leader = leaders.get(log.partition);
  if (leader === undefined) throw new UnknownPartitionError(`partition ${nameOf(log)} does not exist`);
  if (leader === null)
    throw new BrokerError(
      `${nameOf(log)} has no leader now${refused?.has(log.partition) === true ? `: ${refused.get(log.partition)}` : ''}`,
    );
  return leader;
}

function refusedBecause(topic: string, answers: readonly Answered<TopicMetadata>[]): Error {
  const refused = answers.map(({ answer }) => answer.errorCode).find((code) => code !== NO_ERROR);
  if (refused === ERROR_CODES.UNKNOWN_TOPIC_OR_PARTITION)
    return new UnknownPartitionError(`topic ${topic} does not exist`);
  return new BrokerError(`the metadata of topic ${topic} was refused with error code ${refused}`);
}

/** The most frequent value; if several are equally frequent, the first of them. */
export function mostFrequent<T>(values: readonly T[]): T | undefined {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let most: T | undefined;
  for (const [value, count] of counts) if (most === undefined || count > (counts.get(most) ?? 0)) most = value;
  return most;
}

export function nameOf(log: TopicPartition): string {
  return `${log.topic}/${log.partition}`;
}
