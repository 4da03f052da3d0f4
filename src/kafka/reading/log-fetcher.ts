/**
 * Fetches records for the open readers. Decides when to fetch which partitions from which broker.
 *
 * A broker answers the requests of one connection in turn. So a fetch that waits for new records would delay a reader
 * that is behind. For that reason there are two lanes to each broker. A lane is a connection with at most one fetch in
 * flight:
 *
 *   tail      readers that have reached the end; the broker answers when something is written, or after a wait, which
 *             grows while nothing is written
 *   catch-up  readers that are new or known to be behind; the broker answers at once. No requests without such readers
 *
 *            +-- new ---> catch-up --- answer reached the end ---> tail --+
 *            |               ^                                           |
 *   reader --+               +--------- answer left more to fetch -------+
 *            |
 *            +-- buffer full, look-up of the leader, back-off: in no lane until that is over
 *
 * A fetch lists the partition that was served longest ago first. The broker fills its answer in the order of the list.
 * It returns a batch that exceeds the limits only if that batch is the first. So each partition gets its turn to be
 * first.
 */
import { steadyMs } from '../../lib/stopwatch.js';
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../lib/clock.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { LogIdentity } from '../../pipeline/ports.js';
import type { BrokerConnections } from '../connection/broker-connections.js';
import { fetchFrom } from '../protocol/fetch-by-id.js';
import { type FetchedPartition, type FetchLimits, type FetchResponse } from '../protocol/fetch-shared.js';
import {
  nameOf,
  TopicRecreatedError,
  UnknownPartitionError,
  type Leader,
  type LeaderDirectory,
} from '../connection/leader-directory.js';
import { fetchHeadFrom } from './large-batch-end.js';
import type { PartitionReader, ReaderEvents } from './log-reader.js';
import { ERROR_CODES, NO_ERROR, refusal } from '../protocol/protocol-errors.js';
import {
  emptyFirst,
  isToReport,
  join,
  newlyServed,
  noteFailure,
  noteSuccess,
  RecordsLostError,
  toFetch,
  type FetchHead,
  type Group,
  type LaneName,
  type Served,
} from './served-reader.js';
import { TailWaits } from './tail-waits.js';

/** Called with failures that are being retried: the first failure, and then at most one in 30 s. Must not throw. */
export type OnTrouble = (partition: TopicPartition, error: Error) => void;

/** One kind of fetch, with its own connections. */
export interface Lane {
  readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>;
  readonly limits: Omit<FetchLimits, 'maxWaitMs'>;
}

interface Lanes {
  /**
   * `waitMs`: how long a tail fetch waits for new records. It begins with `shortest` and grows to `longest` if none
   * come.
   */
  readonly tail: Lane & { readonly waitMs: { readonly shortest: number; readonly longest: number } };
  readonly catchUp: Lane;
}

/** A broker may not know a new topic for a moment. A topic that is unknown for longer does not exist. */
const UNKNOWN_TOPIC_TIMEOUT_MS = 10_000;

/**
 * A broker that is cut off from its cluster, but not from us, continues to answer as a leader, without new records.
 * Only another broker can show that. (`metadata.max.age.ms` of the Java client, there 5 minutes.)
 */
const LEADER_MAX_AGE_MS = 60_000;

/** The questions about a log that the fetcher asks, apart from fetches. */
export interface LogQuestions {
  /** The error for a reader whose position is not in the log; null if it can fetch again. */
  judgeRange(partition: TopicPartition, offset: number): Promise<Error | null>;
  /** As `Logs.endOfEpoch`. */
  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<number | null>;
}

export class LogFetcher implements ReaderEvents {
  /** The reader served longest ago comes first; within one fetch, readers without records before those with records. */
  readonly #served = new Map<PartitionReader, Served>();
  readonly #inFlight = { tail: new Set<string>(), catchUp: new Set<string>() };
  readonly #tailWaits: TailWaits;
  #scheduled = false;
  #leadersAskedAt: number;

  /** @param signal aborts when everything is being closed */
  constructor(
    private readonly lanes: Lanes,
    private readonly leaders: Pick<LeaderDirectory, 'known' | 'forget' | 'find' | 'lookUp' | 'topicId'>,
    private readonly clock: Clock,
    private readonly onTrouble: OnTrouble,
    private readonly questions: LogQuestions,
    private readonly signal: AbortSignal,
  ) {
    this.#leadersAskedAt = steadyMs(clock);
    this.#tailWaits = new TailWaits(lanes.tail.waitMs);
    setMaxListeners(0, signal); // In an outage, every reader waits on it.
  }

  /** Begins to fetch for `reader`. @param log the log that the reader's offsets belong to */
  serve(reader: PartitionReader, log: LogIdentity): void {
    this.#served.set(reader, newlyServed(reader, log));
    this.drained();
  }

  ended(reader: PartitionReader): void {
    this.#served.delete(reader);
  }

  /** Fetches for the readers that want more. Several calls in one turn of the event loop have the effect of one. */
  drained(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.signal.aborted) this.#fetchWanted();
    });
  }

  #fetchWanted(): void {
    this.#refreshOldLeaders();
    const groups = { tail: new Map<string, Group>(), catchUp: new Map<string, Group>() };
    for (const served of this.#served.values()) {
      if (served.busy || !served.reader.wantsMore) continue;
      const leader = this.leaders.known(served.reader.partition);
      if (leader === undefined) void this.#lookUp(served);
      else if (!this.#isSameTopic(served)) continue;
      else if (served.leaderEpoch >= 0 && leader.epoch !== served.leaderEpoch) void this.#follow(served, leader);
      else if (!this.#inFlight[served.lane].has(leader.address)) {
        served.leaderEpoch = leader.epoch;
        const group = groups[served.lane].get(leader.address) ?? new Map<string, Served>();
        groups[served.lane].set(leader.address, group);
        join(group, served);
      }
    }
    for (const lane of ['tail', 'catchUp'] as const)
      for (const [leader, group] of groups[lane]) void this.#fetch(lane, leader, group);
  }

  /** Never rejects. */
  async #fetch(lane: LaneName, leader: string, group: Group): Promise<void> {
    const { connections, limits } = this.lanes[lane];
    const tailWait = this.#tailWaits.of(leader);
    const maxWaitMs = lane === 'tail' ? tailWait.next() : 0;
    this.#inFlight[lane].add(leader);
    const members = [...group.values()];
    for (const served of members) served.busy = true;
    try {
      const wanted = members.map((served) => toFetch(served));
      const response = await connections.ask(leader, (broker) => fetchFrom(broker, wanted, { ...limits, maxWaitMs }));
      for (const served of members) served.busy = false;
      // A reader that catches up will soon join the tail fetch, which must not wait for long.
      if (lane === 'catchUp' || response.partitions.some(({ records }) => records.length > 0)) tailWait.reset();
      this.#hand(group, response);
    } catch (error) {
      connections.drop(leader);
      const fetchHead: FetchHead = (partition) => fetchHeadFrom(connections, leader, partition);
      await Promise.all(members.map((served) => this.#failed(served, error as Error, fetchHead)));
    }
    this.#inFlight[lane].delete(leader);
    this.drained();
  }

  /** Resolves when the connection is free again. Never rejects. */
  async #failed(served: Served, error: Error, fetchHead: FetchHead): Promise<void> {
    const failure = await noteFailure(served, error, fetchHead).then(
      () => error,
      (reason: unknown) => reason as Error,
    );
    void this.#retryLater(served, failure);
  }

  #hand(group: Group, response: FetchResponse): void {
    if (response.errorCode !== NO_ERROR) throw refusal(response.errorCode, 'Fetch');
    const [first] = group.values();
    const missing = new Map(group);
    for (const answer of [...response.partitions].sort(emptyFirst)) {
      const name = nameOf(answer);
      const served = group.get(name);
      if (!missing.delete(name) || served === undefined || !this.#served.delete(served.reader)) continue;
      this.#served.set(served.reader, served);
      if (answer.errorCode === NO_ERROR) this.#receive(served, answer, served === first);
      else if (answer.errorCode === ERROR_CODES.OFFSET_OUT_OF_RANGE) void this.#outOfRange(served);
      else void this.#refused(served, answer.errorCode);
    }
    // If a quota is exceeded, a broker answers without records, and the connection waits as long as the broker says.
    if (response.clientSideThrottleTime > 0) return;
    for (const [name, served] of missing)
      void this.#retryLater(served, new BrokerError(`the answer to Fetch does not contain ${name}`));
  }

  #receive(served: Served, answer: FetchedPartition, askedFirst: boolean): void {
    noteSuccess(served);
    const moreToFetch = served.reader.receive(answer, askedFirst, served.leaderEpoch);
    served.lane = moreToFetch ? 'catchUp' : 'tail';
  }

  /** Ends a reader whose topic was created again: the offsets of the deleted topic mean nothing in the new one. */
  #isSameTopic(served: Served): boolean {
    const { topic } = served.reader.partition;
    const topicId = this.leaders.topicId(topic);
    served.topicId ??= topicId;
    if (topicId === null || topicId === served.topicId) return true;
    served.reader.fail(new TopicRecreatedError(topic, served.topicId ?? '', topicId));
    return false;
  }

  #refreshOldLeaders(): void {
    const now = steadyMs(this.clock);
    if (now - this.#leadersAskedAt < LEADER_MAX_AGE_MS) return;
    this.#leadersAskedAt = now;
    this.#tailWaits.keepOnly([...this.#served.keys()].map(({ partition }) => this.leaders.known(partition)?.address));
    // A failure changes nothing: the known leaders stay, and they are looked up again after LEADER_MAX_AGE_MS.
    for (const topic of new Set([...this.#served.keys()].map(({ partition }) => partition.topic)))
      this.leaders.lookUp(topic).catch(() => undefined);
  }

  /** Continues with a leader of another epoch, if that leader has all records that were read so far. Never rejects. */
  async #follow(served: Served, leader: Leader): Promise<void> {
    const { partition, fetchOffset } = served.reader;
    served.busy = true;
    try {
      const end = await this.questions.endOfEpoch(partition, served.leaderEpoch);
      if (end !== null && end < fetchOffset)
        return served.reader.fail(new RecordsLostError(partition, fetchOffset, served.leaderEpoch, end));
      served.leaderEpoch = leader.epoch;
      served.busy = false;
      this.drained();
    } catch (error) {
      await this.#retryLater(served, error as Error);
    }
  }

  /** Never rejects. */
  async #lookUp(served: Served): Promise<void> {
    served.busy = true;
    try {
      await this.leaders.find(served.reader.partition);
      served.busy = false;
      this.drained();
    } catch (error) {
      if (error instanceof UnknownPartitionError) {
        served.unknownSince ??= steadyMs(this.clock);
        if (steadyMs(this.clock) - served.unknownSince >= UNKNOWN_TOPIC_TIMEOUT_MS)
          served.reader.fail(new BrokerError(error.message, { cause: error }));
      }
      await this.#retryLater(served, error as Error);
    }
  }

  /** Never rejects. */
  async #outOfRange(served: Served): Promise<void> {
    const { partition, fetchOffset } = served.reader;
    served.busy = true;
    try {
      const failure = await this.questions.judgeRange(partition, fetchOffset);
      if (failure !== null) served.reader.fail(failure);
      else await this.#retryLater(served, new BrokerError(`refused offset ${fetchOffset}, which is in the log`));
    } catch (error) {
      await this.#retryLater(served, error as Error);
    }
  }

  /**
   * Ends the reader if we may not read the topic, so that its user can report it. Else the leader has usually moved.
   */
  #refused(served: Served, errorCode: number): Promise<void> {
    const refused = refusal(errorCode, 'Fetch', served.reader.partition);
    if (errorCode === ERROR_CODES.TOPIC_AUTHORIZATION_FAILED) served.reader.fail(refused);
    return this.#retryLater(served, refused);
  }

  /** Looks the leader up again after a while: after any error it may have moved. Never rejects. */
  async #retryLater(served: Served, error: Error): Promise<void> {
    served.busy = true;
    this.leaders.forget(served.reader.partition);
    if (this.signal.aborted || !this.#served.has(served.reader)) return;
    if (isToReport(served, steadyMs(this.clock))) this.onTrouble(served.reader.partition, error);
    await this.clock.delay(served.backoff.next(), this.signal);
    served.busy = false;
    this.drained();
  }
}
