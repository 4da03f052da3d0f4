/**
 * Stores the id of this instance's group member, so that the next process can read it. If this process is killed, the
 * next one removes the dead member from the group. So the group does not wait until the dead session times out.
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

/** Stores the member id. It belongs to one process at a time: when a process reads it, the former process is gone. */
export interface Memory {
  /** Null if no id is stored. */
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
  /** Settles when every change so far is stored. Never rejects. */
  #stored: Promise<void> = Promise.resolve();

  constructor(options: RememberedMemberOptions) {
    this.#options = options;
  }

  /**
   * The id of the member that ran here before; null if it has left the group, or if no member ran here. Call it before
   * the first `note`.
   */
  async predecessor(): Promise<string | null> {
    const { memory, logger } = this.#options;
    try {
      return await memory.get();
    } catch (err) {
      logger.warn(
        { err },
        'could not read the former member of this state folder; if it is dead, the group waits for its session timeout',
      );
      return null;
    }
  }

  /**
   * Removes `predecessor` from the group, as soon as another member is in it. Without another member the group would be
   * empty for a moment, and a member that joins an empty group waits for others (group.initial.rebalance.delay.ms).
   *
   * Never throws. If it fails, the group waits until the session of the dead member times out.
   *
   * @param signal aborts when this instance does not join any more
   */
  async remove(predecessor: string, signal: AbortSignal): Promise<void> {
    const { kafka, clock, groupId, logger } = this.#options;
    try {
      if (!(await this.#successorSeen(predecessor, signal))) return;
      if (await removeMember(kafka, clock, groupId, predecessor, signal))
        logger.info({ memberId: predecessor }, 'removed the former member of this state folder from the group');
    } catch (err) {
      logger.warn(
        { err, memberId: predecessor },
        'could not remove the former member of this state folder; waiting for its session timeout',
      );
    }
  }

  /**
   * Stores `memberId`, without waiting until it is stored. If the process crashes before that, the next start waits
   * longer.
   */
  note(memberId: string): void {
    if (memberId === this.#known) return;
    this.#known = memberId;
    this.#store('store', () => this.#options.memory.set(memberId));
  }

  /** Deletes the stored id: the member has left the group, and need not be removed. */
  forget(): Promise<void> {
    this.#known = null;
    this.#store('delete', () => this.#options.memory.delete());
    return this.#stored;
  }

  #store(verb: string, change: () => Promise<void>): void {
    const { logger } = this.#options;
    this.#stored = this.#stored
      .then(change)
      .catch((err: unknown) => logger.warn({ err }, `could not ${verb} the id of the group member`));
  }

  /** False if the predecessor is not in the group any more, or if `signal` aborts. */
  async #successorSeen(predecessor: string, signal: AbortSignal): Promise<boolean> {
    const { kafka, cluster, groupId, clock } = this.#options;
    const connections = new BrokerConnections(kafka, clock);
    const coordinator = Coordinator.ofGroup(groupId, connections, cluster);
    const backoff = new Backoff(LOOK_FIRST_MS, LOOK_MAX_MS);
    try {
      while (!signal.aborted) {
        const members = await describeGroup(coordinator, groupId).then(
          (group) => group.members.map(({ memberId }) => memberId),
          () => null, // The next attempt asks again.
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
