/**
 * Membership of the consumer group, by a kafkajs consumer that never fetches.
 *
 * kafkajs joins, heartbeats and rejoins inside its fetch loop. With all of its partitions paused that loop does nothing
 * else: each turn waits `loopPauseMs` and sends a heartbeat when one is due. Records are read elsewhere, so that a slow
 * batch never delays a heartbeat and a rebalance never loses what was fetched.
 */
import { Kafka, type Consumer, type PartitionAssigner } from 'kafkajs';
import type { Logger } from 'pino';
import { Backoff } from '../../lib/backoff.js';
import { settlesWithin } from '../../lib/long-promise.js';
import { systemClock } from '../../lib/system-clock.js';
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
  readonly groupId: string;
  /** The input topic, the only one subscribed. */
  readonly topic: string;
  readonly assigner: PartitionAssigner;
  readonly remembered: RememberedMember;
  /** Which coordinator to be with; without it the one that kafkajs has found. */
  readonly coordinator?: Pick<TrueCoordinator, 'look' | 'mustBe'>;
  /** Milliseconds without a heartbeat after which the group goes on without this member. */
  readonly sessionTimeoutMs?: number;
  /** Membership ended by itself and will not come back. Not called for what kafkajs recovers from by joining again. */
  readonly onCrash: (error: Error) => void;
  /** Called with each error after which joining is tried again. */
  readonly onTrouble?: (error: Error) => void;
  /** Called with each join and each heartbeat that succeeded. */
  readonly onAlive?: () => void;
  readonly logger: Logger;
}

export const defaultSessionTimeoutMs = 10_000;

/** A rebalance is noticed at a heartbeat, and a member that joins waits for the slowest member to notice. */
const heartbeatIntervalMs = 250;
/** Heartbeats are late by this much at most; shorter only costs CPU. */
const loopPauseMs = 100;
const startBackoffMinMs = 200;
const startBackoffMaxMs = 5_000;
const leaveTimeoutMs = 2_000;
const removeTimeoutMs = 1_000;

/**
 * kafkajs keeps asking the same coordinator until its retries are used up, and looks for the new one only when it
 * starts over. So few retries, quickly: a coordinator that moved is found again within about a second. Of connecting too:
 * with kafkajs's own retries it would be up to 20 s until it looks whether the brokers are back.
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
  /** Of the assignment seen last, which the consumer has not acted on yet. */
  #standbys: readonly number[] = [];
  /** The coordinator has confirmed that `memberId` is out of the group. */
  #hasLeft = false;
  readonly #stopping = new AbortController();
  /** Removals in flight: each takes a member id that this instance has lost out of the group. */
  readonly #removals = new Set<Promise<void>>();

  constructor(options: GroupMembershipOptions) {
    this.#options = options;
    const sessionTimeout = options.sessionTimeoutMs ?? defaultSessionTimeoutMs;
    this.#consumer = new Kafka({ ...options.kafka, retry: retries }).consumer({
      groupId: options.groupId,
      partitionAssigners: [this.#watching(options.assigner)],
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval: heartbeatIntervalMs,
      maxWaitTimeInMs: loopPauseMs,
      allowAutoTopicCreation: false,
      retry: { ...retries, restartOnFailure: () => Promise.resolve(!this.#stopping.signal.aborted) },
    });
  }

  /** As the group's coordinator knows this member; null before the first join. Set before `onAssigned` is called. */
  get memberId(): string | null {
    return this.#memberId;
  }

  /** The group's generation; null from a rebalance until the first heartbeat after it. */
  get generation(): number | null {
    return this.#generation;
  }

  /**
   * Resolves when the first attempt at joining is over. Where it failed, as for a coordinator that is still loading, it
   * is tried again; `onAssigned` tells when it has succeeded.
   * Brokers that cannot be reached, and partitions without a leader, are waited for until `stop`.
   * @throws kafkajs's errors where waiting does not help: the topic does not exist, the brokers refuse us
   */
  async start(onAssigned: OnAssigned): Promise<void> {
    const predecessor = await this.#options.remembered.predecessor();
    this.#listen(onAssigned);
    const joining = this.#join();
    if (predecessor !== null) this.#await(this.#options.remembered.remove(predecessor, this.#stopping.signal));
    await joining;
  }

  async #join(): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff(startBackoffMinMs, startBackoffMaxMs);
    while (!(await this.#subscribed())) {
      await systemClock.delay(backoff.next(), signal);
      if (signal.aborted) return;
    }
    if (signal.aborted) return;
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: refuseBatch });
  }

  /**
   * kafkajs sends one heartbeat at a time (`sharedPromiseTo` in its consumerGroup.js) and reports each that succeeded
   * before it can send the next. The first one reported after this call may have been sent before it; the second was
   * not. Takes one to two heartbeat intervals.
   *
   * The brokers are asked first who coordinates the group: one that is cut off from the others confirms everybody.
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
   * Never throws, and takes no longer than about 3 s. kafkajs leaves only after a join in flight has ended, which may
   * wait for other members; then this member is removed from outside instead.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const left = Promise.all([this.#consumer.disconnect(), ...this.#removals]);
    await this.#succeeds('leave the group', left, leaveTimeoutMs);
    if (this.#memberId === null) return;
    const { kafka, groupId, remembered } = this.#options;
    const removed = () => removeMember(kafka, groupId, this.#memberId ?? '');
    if (this.#hasLeft || (await this.#succeeds('be removed from the group', removed(), removeTimeoutMs)))
      await remembered.forget();
  }

  /** False where it is worth another attempt, for which it is safe. */
  async #subscribed(): Promise<boolean> {
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topic: this.#options.topic });
      return true;
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#options.logger.warn({ err: error }, 'could not subscribe for the group, and will try again');
      this.#options.onTrouble?.(error as Error);
      return false;
    }
  }

  #listen(onAssigned: OnAssigned): void {
    const { events } = this.#consumer;
    const { topic, onCrash } = this.#options;
    // Silent rejoins have this event too. It comes before any fetch of the new assignment, and after a restart of the
    // consumer, which has forgotten what was paused.
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

  /** kafkajs joins again under another id; the group would wait for the old one until its session times out. */
  #removeLostMember(): void {
    const lost = this.#memberId;
    this.#memberId = null;
    if (lost === null) return;
    const { kafka, groupId, logger } = this.#options;
    const removal = removeMember(kafka, groupId, lost).then(
      () => undefined,
      (error: unknown) => logger.warn({ err: error, memberId: lost }, 'a lost group member waits for its time-out'),
    );
    this.#await(removal);
  }

  /** @param removal never rejects */
  #await(removal: Promise<void>): void {
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Whether `attempt` has succeeded within `timeoutMs`; it goes on by itself where it has not. */
  async #succeeds(what: string, attempt: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    const outcome = attempt.then(
      () => true,
      (error: unknown) => {
        this.#options.logger.warn({ err: error }, `could not ${what}`);
        return false;
      },
    );
    return (await settlesWithin(outcome, systemClock, timeoutMs)) && outcome;
  }

  /**
   * Looks at each assignment for what kafkajs does not pass on, and refuses to join when stopping: a join that is under
   * way when `stop` is called would else be tried again behind its back.
   */
  #watching(createAssigner: PartitionAssigner): PartitionAssigner {
    return (context) => {
      watchMembership(context.cluster, {
        coordinator: this.#options.coordinator ?? AS_KAFKAJS_FINDS_IT,
        assigned: (assignment) => (this.#standbys = standbysIn(assignment)),
        left: () => (this.#hasLeft = true),
      });
      const assigner = createAssigner(context);
      return {
        name: assigner.name,
        version: assigner.version,
        assign: (group) => assigner.assign(group),
        protocol: (subscription) => {
          if (this.#stopping.signal.aborted) throw new JoinRefusedError('stopping: not joining the group again');
          return assigner.protocol(subscription);
        },
      };
    };
  }
}

const AS_KAFKAJS_FINDS_IT = { look: () => Promise.resolve(null), mustBe: () => undefined };

function ascending(partitions: readonly number[]): number[] {
  return [...partitions].sort((a, b) => a - b);
}

function refuseBatch(): Promise<never> {
  return Promise.reject(new UnexpectedFetchError('the membership consumer fetched, though its topic is paused'));
}
