/**
 * The id of this instance's member in the group, remembered beyond the process: a process that starts after one that
 * was killed takes the dead member out of the group, instead of waiting until its session has timed out.
 */
import type { Logger } from 'pino';
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { KafkaConfig } from '../connection/cluster.js';
import type { ClusterView } from '../connection/cluster-view.js';
import { describeGroup } from '../protocol/describe-group.js';
import { Coordinator } from '../connection/coordinator.js';
import { removeMember } from './remove-member.js';

/** Where it is remembered. Belongs to one process at a time, so that its reader knows that the last one is gone. */
export interface Memory {
  /** Null where nothing is remembered. */
  get(): Promise<string | null>;
  set(memberId: string): Promise<void>;
  delete(): Promise<void>;
}

export interface RememberedMemberOptions {
  readonly kafka: KafkaConfig;
  readonly cluster: Pick<ClusterView, 'coordinatorOf'>;
  readonly groupId: string;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_FIRST_MS = 10;
const LOOK_MAX_MS = 500;

export class RememberedMember {
  readonly #options: RememberedMemberOptions;
  #known: string | null = null;
  /** Ends when the memory has all that it was told. Never rejects. */
  #told: Promise<void> = Promise.resolve();

  constructor(options: RememberedMemberOptions) {
    this.#options = options;
  }

  /** Who was a member here before; null where it has left, or there was none. Asked before anything is noted. */
  async predecessor(): Promise<string | null> {
    const { memory, logger } = this.#options;
    try {
      return await memory.get();
    } catch (err) {
      logger.warn({ err }, 'whether a former member of this state folder is still in the group is not known');
      return null;
    }
  }

  /**
   * Takes `predecessor` out of the group, once another member is seen there: where it is the only one, the group would
   * be empty for a moment, and who joins an empty group waits for others (group.initial.rebalance.delay.ms).
   *
   * Never throws: where it does not succeed, the group waits until the session of the dead one has timed out.
   *
   * @param signal aborts when nobody joins any more
   */
  async remove(predecessor: string, signal: AbortSignal): Promise<void> {
    const { kafka, groupId, logger } = this.#options;
    try {
      if (!(await this.#successorSeen(predecessor, signal))) return;
      if (await removeMember(kafka, groupId, predecessor))
        logger.info({ memberId: predecessor }, 'the former member of this state folder is out of the group');
    } catch (err) {
      logger.warn({ err, memberId: predecessor }, 'the former member of this state folder waits for its time-out');
    }
  }

  /** Does not wait for the memory: what it misses, a crash within a moment, costs a time-out. */
  note(memberId: string): void {
    if (memberId === this.#known) return;
    this.#known = memberId;
    this.#tell('noted', () => this.#options.memory.set(memberId));
  }

  /** It has left the group: nobody need remove it. */
  forget(): Promise<void> {
    this.#known = null;
    this.#tell('forgotten', () => this.#options.memory.delete());
    return this.#told;
  }

  #tell(what: string, tell: () => Promise<void>): void {
    const { logger } = this.#options;
    this.#told = this.#told
      .then(tell)
      .catch((err: unknown) => logger.warn({ err }, `the id of the group member could not be ${what}`));
  }

  /** False where the predecessor is not in the group any more, or nobody will join. */
  async #successorSeen(predecessor: string, signal: AbortSignal): Promise<boolean> {
    const { kafka, cluster, groupId, clock } = this.#options;
    const connections = new BrokerConnections(kafka);
    const coordinator = Coordinator.ofGroup(groupId, connections, cluster);
    const backoff = new Backoff(LOOK_FIRST_MS, LOOK_MAX_MS);
    try {
      while (!signal.aborted) {
        const members = await describeGroup(coordinator, groupId).then(
          (group) => group.members.map(({ memberId }) => memberId),
          () => null, // asked again
        );
        if (members !== null && !members.includes(predecessor)) return false;
        if (members !== null && members.length > 1) return true;
        await clock.delay(backoff.next(), signal);
      }
      return false;
    } finally {
      await connections.close();
    }
  }
}
