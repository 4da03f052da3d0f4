/**
 * Checks that a consumer's coordinator is the one that most brokers name.
 *
 * kafkajs asks one broker for the coordinator, and uses that coordinator until it fails. A broker that is cut off from
 * its peers continues to confirm heartbeats. So a member could believe that it is in a group that has removed it.
 *
 * To send requests, use `Coordinator` instead: it looks the coordinator up for each request, and fewer brokers must
 * agree.
 */
import { steadyMs } from '../../lib/stopwatch.js';
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock.js';
import { COORDINATOR_OF_GROUP } from '../connection/cluster.js';
import type { ClusterView } from '../connection/cluster-view.js';
import { ERROR_CODES, NO_ERROR } from '../protocol/protocol-errors.js';

export interface TrueCoordinatorOptions {
  readonly cluster: Pick<ClusterView, 'coordinatorOf'>;
  readonly groupId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How old the brokers' answer may be at a heartbeat. */
const MAX_AGE_MS = 3_000;

export class TrueCoordinator {
  readonly #options: TrueCoordinatorOptions;
  /** host:port as most brokers name it; null if they do not agree, or do not answer. */
  #named: string | null = null;
  #lookedAt = -Infinity;
  #looking: Promise<void> | null = null;

  constructor(options: TrueCoordinatorOptions) {
    this.#options = options;
  }

  /** Asks for host:port of the coordinator that most brokers name; null if they do not agree, or do not answer. */
  async look(): Promise<string | null> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = null));
    await this.#looking;
    return this.#named;
  }

  /**
   * Call it before each heartbeat to the coordinator at `address`. It does not wait for brokers: it judges by their
   * last answer, and asks again if that answer is too old.
   * @throws kafkajs's NOT_COORDINATOR if most brokers name another coordinator: the consumer then joins there
   */
  mustBe(address: string): void {
    const { clock, logger } = this.#options;
    if (steadyMs(clock) - this.#lookedAt >= MAX_AGE_MS) void this.look();
    if (this.#named === null || this.#named === address) return;
    logger.warn(
      { coordinator: address, named: this.#named },
      'left a group coordinator that the other brokers do not know',
    );
    throw createErrorFromCode(ERROR_CODES.NOT_COORDINATOR);
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { cluster, groupId, clock } = this.#options;
    this.#lookedAt = steadyMs(clock);
    const answer = await cluster.coordinatorOf(COORDINATOR_OF_GROUP, groupId).catch(() => null);
    this.#named = answer?.errorCode === NO_ERROR && answer.byMost ? answer.address : null;
  }
}
