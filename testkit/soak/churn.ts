/** Starts, stops and kills instances at intervals, in turn, so that partitions move all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../seeded-random.js';
import type { ObservedInstance } from './observed-instance.js';

export class Churn {
  #orders = 0;
  readonly #given: string[] = [];

  /** @param instances only these come and go */
  constructor(
    private readonly instances: readonly ObservedInstance[],
    private readonly random: SeededRandom,
  ) {}

  /** Orders given so far: starts, stops and kills. */
  get orders(): number {
    return this.#orders;
  }

  /** The last orders, for an error message. */
  get lastOrders(): string {
    return this.#given.slice(-10).join(', ');
  }

  /** Gives an order every `everyMs`, until `signal` aborts. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.#order(this.random.pick(this.instances));
    }
  }

  /** Makes every instance run again, and waits until all are ready. */
  async allUp(): Promise<void> {
    await Promise.all(this.instances.filter(({ isUp }) => !isUp).map((instance) => instance.start()));
    await Promise.all(this.instances.map((instance) => instance.ready()));
  }

  async #order(instance: ObservedInstance): Promise<void> {
    const order = instance.isUp ? this.random.pick(['stop', 'kill'] as const) : 'start';
    this.#given.push(`${instance.name} ${order}`);
    this.#orders++;
    await instance[order]();
  }
}
