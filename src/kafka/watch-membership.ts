/** What kafkajs's consumer does not tell of its dealings with the group's coordinator, seen on its way to kafkajs. */

/** kafkajs's own, as far as it is used here. */
interface ConsumerCluster {
  findGroupCoordinator(request: object): Promise<ConsumerCoordinator>;
}

interface ConsumerCoordinator {
  syncGroup(request: object): Promise<{ memberAssignment: Buffer }>;
  leaveGroup(request: object): Promise<unknown>;
}

export interface MembershipWatcher {
  /** Told before the consumer acts on it. kafkajs drops the user data. */
  assigned(assignment: Buffer): void;
  /** The coordinator has confirmed that the consumer left, which kafkajs tries once and passes over in silence. */
  left(): void;
}

/** @param cluster of one consumer, as kafkajs gives it to the consumer's assigner */
export function watchMembership(cluster: unknown, watcher: MembershipWatcher): void {
  const consumerCluster = cluster as ConsumerCluster;
  const watched = new WeakSet<ConsumerCoordinator>();
  const find = consumerCluster.findGroupCoordinator.bind(consumerCluster);
  consumerCluster.findGroupCoordinator = async (request) => {
    const coordinator = await find(request);
    if (!watched.has(coordinator)) {
      watched.add(coordinator);
      watchCoordinator(coordinator, watcher);
    }
    return coordinator;
  };
}

function watchCoordinator(coordinator: ConsumerCoordinator, watcher: MembershipWatcher): void {
  const sync = coordinator.syncGroup.bind(coordinator);
  const leave = coordinator.leaveGroup.bind(coordinator);
  coordinator.syncGroup = async (request) => {
    const answer = await sync(request);
    watcher.assigned(answer.memberAssignment);
    return answer;
  };
  coordinator.leaveGroup = async (request) => {
    const answer = await leave(request);
    watcher.left();
    return answer;
  };
}
