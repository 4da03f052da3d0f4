/**
 * Looks up the owners of input partitions and of state with the group's coordinator. The caller need not be a member.
 */
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { Coalesced } from '../../lib/coalesced.js';
import { retryUntil } from '../../lib/retry-until.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { PartitionOwner, PartitionOwners, StateHolder, StateHolders } from '../../pipeline/ports.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { ClusterView } from '../connection/cluster-view.js';
import { describeAssignedGroup } from '../protocol/describe-group.js';
import { Coordinator } from '../connection/coordinator.js';
import { NO_GROUP, readGroup, type ReadGroup } from './read-group.js';
import { isWorthRetrying, whyFailed } from '../protocol/protocol-errors.js';

export interface GroupOwnersOptions {
  readonly kafka: KafkaConfig;
  /** Shared by the process. If missing, this object makes its own. */
  readonly cluster?: ClusterView;
  readonly groupId: string;
  /** The input topic. */
  readonly topic: string;
  readonly clock: Clock;
}

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 500;
/**
 * A rebalance takes less time than this, unless it waits for a dead member. The caller should not wait for a dead
 * member.
 */
const REBALANCE_TIMEOUT_MS = 5_000;

export class GroupOwners implements PartitionOwners, StateHolders {
  readonly #options: GroupOwnersOptions;
  readonly #connections: BrokerConnections;
  /** `close` closes these. */
  readonly #closables: readonly { close(): Promise<void> }[];
  readonly #coordinator: Coordinator;
  /** Requests at the same time share an answer of the coordinator. */
  readonly #answers = new Coalesced(() => this.#read());
  #latest: ReadGroup = NO_GROUP;

  constructor(options: GroupOwnersOptions) {
    const { kafka, groupId, clock } = options;
    const cluster = options.cluster ?? new ClusterView(kafka, clock);
    this.#options = options;
    this.#connections = new BrokerConnections(kafka, clock);
    this.#closables = options.cluster === undefined ? [this.#connections, cluster] : [this.#connections];
    this.#coordinator = Coordinator.ofGroup(groupId, this.#connections, cluster);
  }

  /** @throws BrokerError if the brokers refuse, or if for 5 s they do not answer or the group is in a rebalance */
  async owners(): Promise<readonly PartitionOwner[]> {
    return (await this.#group()).owners;
  }

  /** @throws BrokerError as `owners` */
  async holders(): Promise<readonly StateHolder[]> {
    return (await this.#group()).holders;
  }

  /** The group, as soon as it is not in a rebalance. @throws BrokerError as `owners` */
  async #group(): Promise<ReadGroup> {
    const { clock, groupId } = this.#options;
    const pause = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    const terms = { clock, patienceMs: REBALANCE_TIMEOUT_MS, pause, mayHelp: isWorthRetrying, whyFailed };
    try {
      return await retryUntil(terms, () => this.#answers.ask());
    } catch (cause) {
      throw new BrokerError(`cannot look up the owners of group ${groupId}: ${whyFailed(cause)}`, { cause });
    }
  }

  async #read(): Promise<ReadGroup> {
    const { groupId, topic } = this.#options;
    const { members } = await describeAssignedGroup(this.#coordinator, groupId);
    this.#latest = readGroup(members, topic, this.#latest);
    return this.#latest;
  }

  /** Idempotent; never throws. */
  async close(): Promise<void> {
    await Promise.all(this.#closables.map((closable) => closable.close()));
  }
}
