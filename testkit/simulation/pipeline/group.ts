/** The consumer group: which instance owns the partition now. Members learn of a change late, and in any order. */
import type { Instance } from './instance.js';
import type { SimulatedProcess } from './process.js';
import type { World } from './world.js';

const HEARTBEAT_MS = 500;

export class Group {
  #owner: Instance | null = null;

  constructor(private readonly world: World) {}

  get owner(): Instance | null {
    return this.#owner;
  }

  /** @param others learn within this time that they do not own the partition any more */
  giveTo(owner: Instance, instances: readonly Instance[], others: number): void {
    const { random } = this.world;
    this.#owner = owner;
    this.world.trace('group', `${owner.name} owns the partition`);
    for (const instance of instances)
      instance.process?.later(random.integer(0, instance === owner ? HEARTBEAT_MS : others), () =>
        instance.rebalanced(),
      );
  }

  /** As GroupMembership.confirmed. */
  confirmed(instance: Instance, process: SimulatedProcess, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end);
      const ask = (): void => {
        const isOwner = this.#owner === instance && !this.world.weather.brokersAreDown;
        if (isOwner || signal.aborted) end();
        else process.later(HEARTBEAT_MS, ask);
      };
      process.later(HEARTBEAT_MS, ask);
    });
  }
}
