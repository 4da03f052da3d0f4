/** An owner that the group has given up, and that commits at the worst moment. */
import type { SeededRandom } from '../../seeded-random.js';
import type { Instance } from './instance.js';
import { INIT_PRODUCER_ID } from './network.js';
import type { World } from './world.js';

interface Fault {
  readonly world: World;
  readonly random: SeededRandom;
  readonly instances: readonly Instance[];
  readonly endAfter: (mostMs: number, end: () => void) => void;
}

/** Longer than a session of the group. */
const MAX_FROZEN_MS = 40_000;
const MAX_WAKING_MS = 20;
const FENCE_LATENCY_MS = 200;
const SLOW_MS = 1_000;

/**
 * Freezes an owner until its successor sends the request that fences it. That request is slow, so the owner can commit
 * what it has begun before it is fenced.
 */
export function wakeDuringTakeOver({ world, random, instances, endAfter }: Fault): void {
  const owners = instances.filter(({ partitions }) => partitions.length > 0);
  if (owners.length === 0) return;
  const owner = random.pick(owners);
  const { process } = owner;
  process?.freeze(MAX_FROZEN_MS);
  const { network, cluster, time } = world;
  network.whenNext(INIT_PRODUCER_ID, owner.name, (successor) => {
    const ways = cluster.addresses().map((address) => ({ instance: successor, address }));
    for (const way of ways) network.slowDown(way, FENCE_LATENCY_MS);
    time.after(random.integer(0, MAX_WAKING_MS), () => process?.thaw());
    endAfter(SLOW_MS, () => {
      for (const way of ways) network.speedUp(way);
    });
  });
}
