/**
 * Keeps this instance in the consumer group, by a kafkajs consumer that never fetches.
 *
 * kafkajs joins, heartbeats and rejoins inside its fetch loop. While all partitions are paused, that loop does nothing
 * else: each turn waits `LOOP_PAUSE_MS`, and sends a heartbeat when one is due. Other code reads the records. So a slow
 * batch never delays a heartbeat, and a rebalance never loses fetched records.
 */
import { Kafka, type Consumer, type PartitionAssigner } from 'kafkajs';
import type { Logger } from 'pino';
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';
import type { GroupMembership, OnAssigned } from '../../pipeline/ports.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { standbysIn } from './member-messages.js';
import { isTransient, isWithoutCoordinator, JoinRefusedError, UnexpectedFetchError } from './membership-errors.js';
import type { RememberedMember } from './remembered-member.js';
import { removeMember } from './remove-member.js';
import type { TrueCoordinator } from './true-coordinator.js';
import { watchMembership } from './watch-membership.js';

export interface GroupMembershipOptions {
  readonly kafka: KafkaConfig;
  readonly clock: Clock;
  readonly groupId: string;
  /** The input topic, the only one subscribed. */
  readonly topic: string;
  readonly assigner: PartitionAssigner;
  readonly remembered: RememberedMember;
  /** Says which coordinator to use. Without it, the consumer uses the one that kafkajs has found. */
  readonly coordinator?: Pick<TrueCoordinator, 'look' | 'mustBe'>;
  /** Milliseconds without a heartbeat after which the group removes this member. */
  readonly sessionTimeoutMs?: number;
  /** Called if the membership is lost permanently. Not called for errors after which kafkajs joins again. */
  readonly onCrash: (error: Error) => void;
  /** Called with each error after which this member tries to join again. */
  readonly onTrouble?: (error: Error) => void;
  /** Called with each join and each heartbeat that succeeded. */
  readonly onAlive?: () => void;
  readonly logger: Logger;
}

export const DEFAULT_SESSION_TIMEOUT_MS = 10_000;

/** A member notices a rebalance at a heartbeat, and a member that joins waits until the slowest one has noticed. */
const HEARTBEAT_INTERVAL_MS = 250;
/** The fetch loop sleeps this long, so a heartbeat is at most this late. A shorter sleep would only cost CPU. */
const LOOP_PAUSE_MS = 100;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;
const LEAVE_TIMEOUT_MS = 2_000;
const REMOVE_TIMEOUT_MS = 1_000;

/**
 * kafkajs asks the same coordinator until its retries are used up, and only then looks for a new one. With few and
 * quick retries it finds a coordinator that has moved within about a second. The same applies to connecting: with its
 * default retries, kafkajs would notice only after up to 20 s that the brokers are back.
 */
const retries = { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 };

interface Waiting {
  heartbeatsToSee: number;
  readonly done: () => void;
}

export class KafkaGroupMembership implements GroupMembership {
  readonly #consumer: Consumer;
  readonly #options: GroupMembershipOptions;
  readonly #waiting = new Set<Waiting>();
  #memberId: string | null = null;
  #generation: number | null = null;
  /** The standbys in the last assignment seen. The consumer may not have acted on it yet. */
  #standbys: readonly number[] = [];
  /** True if the coordinator has confirmed that `memberId` has left the group. */
  #hasLeft = false;
  readonly #stopping = new AbortController();
  /** Aborts at the end of `stop`: removals in flight give up. */
  readonly #stopped = new AbortController();
  /** Removals in flight: each removes a former member id of this instance from the group. */
  readonly #removals = new Set<Promise<void>>();

  constructor(options: GroupMembershipOptions) {
    this.#options = options;
    const sessionTimeout = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    this.#consumer = new Kafka({ ...options.kafka, retry: retries }).consumer({
      groupId: options.groupId,
      partitionAssigners: [this.#watching(options.assigner)],
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      maxWaitTimeInMs: LOOP_PAUSE_MS,
      allowAutoTopicCreation: false,
      retry: { ...retries, restartOnFailure: () => Promise.resolve(!this.#stopping.signal.aborted) },
    });
  }

  /**
   * The id by which the coordinator knows this member; null before the first join. Set before `onAssigned` is called.
   */
  get memberId(): string | null {
    return this.#memberId;
  }

  /** The group's generation; null from a rebalance until the first heartbeat after it. */
  get generation(): number | null {
    return this.#generation;
  }

  /**
   * Resolves after the first attempt to join. If that attempt fails, for example because the coordinator is still
   * loading, this object tries again, and calls `onAssigned` when an attempt has succeeded. If the brokers cannot be
   * reached, or a partition has no leader, `start` waits until that changes or `stop` is called.
   * @throws kafkajs's errors if waiting does not help: the topic does not exist, or the brokers refuse us
   */
  async start(onAssigned: OnAssigned): Promise<void> {
    const predecessor = await this.#options.remembered.predecessor();
    this.#listen(onAssigned);
    const joining = this.#join();
    if (predecessor !== null) this.#trackRemoval(this.#options.remembered.remove(predecessor, this.#stopping.signal));
    await joining;
  }

  async #join(): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    while (!signal.aborted && !(await this.#subscribed())) await this.#options.clock.delay(backoff.next(), signal);
    if (signal.aborted) return;
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: refuseBatch });
  }

  /**
   * Waits for two heartbeats, which takes one to two heartbeat intervals. kafkajs sends one heartbeat at a time
   * (`sharedPromiseTo` in its consumerGroup.js), and reports its success before it sends the next. The first heartbeat
   * reported after this call may have been sent before the call; the second was sent after it.
   *
   * First asks the brokers for the group's coordinator: a broker that is cut off from the others confirms every member.
   */
  async confirmed(signal: AbortSignal): Promise<void> {
    await this.#options.coordinator?.look();
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const waiting: Waiting = { heartbeatsToSee: 2, done };
      const waitingFor = this.#waiting;
      function done(): void {
        waitingFor.delete(waiting);
        signal.removeEventListener('abort', done);
        resolve();
      }
      waitingFor.add(waiting);
      signal.addEventListener('abort', done);
    });
  }

  /**
   * Leaves the group, within LEAVE_TIMEOUT_MS and REMOVE_TIMEOUT_MS together (3 s). Never throws. kafkajs leaves only
   * after a join in flight has finished, and a join may wait for other members. In that case this member is removed
   * from outside.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#leave();
    this.#stopped.abort();
  }

  async #leave(): Promise<void> {
    const left = Promise.all([this.#consumer.disconnect(), ...this.#removals]);
    await this.#succeedsWithin('leave the group', left, LEAVE_TIMEOUT_MS);
    if (this.#memberId === null) return;
    const { kafka, clock, groupId, remembered } = this.#options;
    const removed = () => removeMember(kafka, clock, groupId, this.#memberId ?? '', this.#stopped.signal);
    if (this.#hasLeft || (await this.#succeedsWithin('be removed from the group', removed(), REMOVE_TIMEOUT_MS)))
      await remembered.forget();
  }

  /** Connects and subscribes. Returns false if another attempt may help; another attempt does no harm. */
  async #subscribed(): Promise<boolean> {
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topic: this.#options.topic });
      return true;
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#options.logger.warn({ err: error }, 'could not subscribe for the group; trying again');
      this.#options.onTrouble?.(error as Error);
      return false;
    }
  }

  #listen(onAssigned: OnAssigned): void {
    const { events } = this.#consumer;
    const { topic, onCrash } = this.#options;
    // kafkajs emits this event also for silent rejoins. It comes before any fetch of the new assignment. It also comes
    // after a restart of the consumer, which has forgotten that the topic was paused.
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#consumer.pause([{ topic }]);
      this.#memberId = payload.memberId;
      this.#hasLeft = false;
      this.#options.remembered.note(payload.memberId);
      this.#generation = null;
      if (this.#stopping.signal.aborted) return;
      this.#options.onAlive?.();
      for (const { done } of [...this.#waiting]) done();
      onAssigned(ascending(payload.memberAssignment[topic] ?? []), ascending(this.#standbys));
    });
    this.#consumer.on(events.HEARTBEAT, ({ payload }) => this.#heartbeatSucceeded(payload.groupGenerationId));
    this.#consumer.on(events.CRASH, ({ payload }) => {
      this.#generation = null;
      if (this.#stopping.signal.aborted) return;
      const forgiven = isWithoutCoordinator(payload.error);
      if (!payload.restart && !forgiven) return onCrash(payload.error);
      this.#options.onTrouble?.(payload.error);
      this.#removeLostMember();
      if (!payload.restart) this.#join().catch(onCrash);
    });
  }

  #heartbeatSucceeded(generation: number): void {
    this.#generation = generation;
    this.#options.onAlive?.();
    for (const waiting of [...this.#waiting]) {
      waiting.heartbeatsToSee--;
      if (waiting.heartbeatsToSee === 0) waiting.done();
    }
  }

  /**
   * Removes the former id: kafkajs joins again under another one, and the group would wait until the old session times
   * out.
   */
  #removeLostMember(): void {
    const lost = this.#memberId;
    this.#memberId = null;
    if (lost === null) return;
    const { kafka, clock, groupId, logger } = this.#options;
    const removal = removeMember(kafka, clock, groupId, lost, this.#stopped.signal).then(
      () => undefined,
      (err: unknown) => logger.warn({ err, memberId: lost }, STALE_MEMBER_STAYS),
    );
    this.#trackRemoval(removal);
  }

  /** @param removal never rejects */
  #trackRemoval(removal: Promise<void>): void {
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Whether `attempt` succeeds within `timeoutMs`. If it takes longer, it continues in the background. */
  async #succeedsWithin(action: string, attempt: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    const outcome = attempt.then(
      () => true,
      (error: unknown) => {
        this.#options.logger.warn({ err: error }, `could not ${action}`);
        return false;
      },
    );
    return (await settlesWithin(outcome, this.#options.clock, timeoutMs)) && outcome;
  }

  /**
   * Watches each assignment for data that kafkajs does not pass on. Refuses to join while stopping: kafkajs would
   * otherwise repeat a join that was in flight when `stop` was called.
   */
  #watching(createAssigner: PartitionAssigner): PartitionAssigner {
    return (context) => {
      watchMembership(context.cluster, {
        coordinator: this.#options.coordinator ?? COORDINATOR_OF_KAFKAJS,
        topic: this.#options.topic,
        assigned: (assignment) => (this.#standbys = standbysIn(assignment)),
        left: () => (this.#hasLeft = true),
      });
      const assigner = createAssigner(context);
      return {
        name: assigner.name,
        version: assigner.version,
        assign: (group) => assigner.assign(group),
        protocol: (subscription) => {
          if (this.#stopping.signal.aborted)
            throw new JoinRefusedError('not joining the group again: this instance is stopping');
          return assigner.protocol(subscription);
        },
      };
    };
  }
}

const STALE_MEMBER_STAYS = 'could not remove stale group member; waiting for its session timeout';
const COORDINATOR_OF_KAFKAJS = { look: () => Promise.resolve(null), mustBe: () => undefined };

function ascending(partitions: readonly number[]): number[] {
  return [...partitions].sort((a, b) => a - b);
}

function refuseBatch(): Promise<never> {
  return Promise.reject(
    new UnexpectedFetchError(
      'the consumer for group membership fetched records although its topic is paused; restart this instance',
    ),
  );
}
