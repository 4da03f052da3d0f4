/** Copies what a leader has appended to its followers, and so moves the high watermark. */
import type { Broker } from '../broker.js';
import type { World } from '../world.js';
import type { Replica } from './replica.js';

/** Rounds of replication, one at a time for each leader's replica. */
export class Replication {
  readonly #scheduled = new Set<Replica>();

  constructor(private readonly world: World) {}

  /** Copies soon. A leader without followers needs no time. */
  schedule(broker: Broker, replica: Replica): void {
    if (replica.state.replicas.length === 1) replica.advance();
    if (this.#scheduled.has(replica)) return;
    this.#scheduled.add(replica);
    this.world.soon('replication', () => {
      this.#scheduled.delete(replica);
      if (broker.isUp && replica.isLeader) this.#round(broker, replica);
    });
  }

  #round(broker: Broker, replica: Replica): void {
    const { topic, state } = replica;
    let isBehind = false;
    for (const id of state.replicas) {
      const follower = this.#follower(broker, replica, id);
      if (follower === undefined) continue;
      follower.log.follow(replica.log);
      follower.highWatermark = Math.min(replica.highWatermark, follower.log.end);
      replica.followerEnds.set(id, follower.log.end);
      if (!state.inSync.includes(id) && this.world.connects(broker, this.world.broker(id)!))
        this.world.controller.joinInSync(topic.topic, state.partition, state.leaderEpoch, id);
    }
    replica.advance();
    for (const id of state.replicas) {
      const follower = this.#follower(broker, replica, id);
      if (follower !== undefined && follower.highWatermark < replica.highWatermark) isBehind = true;
    }
    if (isBehind) this.schedule(broker, replica);
  }

  /** The follower's replica, if the follower fetches from this leader now. */
  #follower(broker: Broker, { topic, state }: Replica, id: number): Replica | undefined {
    const other = this.world.broker(id);
    if (other === undefined || other === broker || !this.world.connects(broker, other)) return undefined;
    const replica = other.replicaOf(topic.topicId, state.partition);
    return replica?.state.leaderEpoch === state.leaderEpoch ? replica : undefined;
  }
}
