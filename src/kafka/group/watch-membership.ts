/**
 * Watches the requests between kafkajs's consumer and the group's coordinator, because the consumer does not report all
 * of their results.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import { ERROR_CODES } from '../protocol/protocol-errors.js';
import { onlyTopic } from './member-messages.js';
import type { TrueCoordinator } from './true-coordinator.js';

/** kafkajs's own, as far as it is used here. */
interface ConsumerCluster {
  readonly brokerPool: { readonly brokers: Readonly<Record<string, ConsumerCoordinator>> };
  findGroupCoordinator(request: object): Promise<ConsumerCoordinator>;
  findBroker(node: { nodeId: string }): Promise<ConsumerCoordinator>;
  refreshMetadata(): Promise<void>;
}

interface ConsumerCoordinator {
  readonly connectionPool: { readonly host: string; readonly port: number };
  heartbeat(request: object): Promise<unknown>;
  syncGroup(request: object): Promise<{ memberAssignment: Buffer }>;
  leaveGroup(request: object): Promise<unknown>;
}

export interface MembershipWatcher {
  /** Says which coordinator the consumer must use. */
  readonly coordinator: Pick<TrueCoordinator, 'look' | 'mustBe'>;
  /** The only topic whose partitions the consumer can be assigned. */
  readonly topic: string;
  /** Called before the consumer acts on the assignment, whose user data kafkajs drops. */
  assigned(assignment: Buffer): void;
  /**
   * Called when the coordinator has confirmed that the consumer left. kafkajs tries that once, and reports no result.
   */
  left(): void;
}

/** Starts to watch. @param cluster of one consumer, as kafkajs gives it to the consumer's assignor */
export function watchMembership(cluster: unknown, watcher: MembershipWatcher): void {
  const consumerCluster = cluster as ConsumerCluster;
  const watched = new WeakSet<ConsumerCoordinator>();
  const find = consumerCluster.findGroupCoordinator.bind(consumerCluster);
  consumerCluster.findGroupCoordinator = async (request) => {
    const [named, found] = await Promise.all([watcher.coordinator.look(), find(request)]);
    const coordinator = named === null || addressOf(found) === named ? found : await brokerAt(consumerCluster, named);
    if (!watched.has(coordinator)) {
      watched.add(coordinator);
      watchCoordinator(coordinator, watcher);
    }
    return coordinator;
  };
}

/**
 * The broker at `address`.
 *
 * @throws kafkajs's COORDINATOR_NOT_AVAILABLE if it is unknown: the consumer then looks again
 */
async function brokerAt(cluster: ConsumerCluster, address: string): Promise<ConsumerCoordinator> {
  const { brokers } = cluster.brokerPool;
  const nodeId = Object.keys(brokers).find((id) => addressOf(brokers[id] as ConsumerCoordinator) === address);
  if (nodeId !== undefined) return cluster.findBroker({ nodeId });
  await cluster.refreshMetadata();
  throw createErrorFromCode(ERROR_CODES.COORDINATOR_NOT_AVAILABLE);
}

function addressOf({ connectionPool }: ConsumerCoordinator): string {
  return `${connectionPool.host}:${connectionPool.port}`;
}

function watchCoordinator(coordinator: ConsumerCoordinator, watcher: MembershipWatcher): void {
  const beat = coordinator.heartbeat.bind(coordinator);
  const sync = coordinator.syncGroup.bind(coordinator);
  const leave = coordinator.leaveGroup.bind(coordinator);
  coordinator.heartbeat = async (request) => {
    watcher.coordinator.mustBe(addressOf(coordinator));
    return beat(request);
  };
  coordinator.syncGroup = async (request) => {
    const answer = await sync(request);
    watcher.assigned(answer.memberAssignment);
    return { ...answer, memberAssignment: onlyTopic(answer.memberAssignment, watcher.topic) };
  };
  coordinator.leaveGroup = async (request) => {
    const answer = await leave(request);
    watcher.left();
    return answer;
  };
}
