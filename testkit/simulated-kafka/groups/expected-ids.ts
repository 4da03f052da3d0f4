/** Ids that a group has given to new members, which must join again with them (KIP-394). */
import type { SimulatedTime } from '../time.js';

export class ExpectedIds {
  readonly #ids = new Map<string, () => void>();

  constructor(private readonly time: SimulatedTime) {}

  get size(): number {
    return this.#ids.size;
  }

  /** @param onMissed called if no member has joined with the id in time */
  add(memberId: string, withinMs: number, onMissed: () => void): void {
    const cancel = this.time.after(withinMs, () => {
      this.#ids.delete(memberId);
      onMissed();
    });
    this.#ids.set(memberId, cancel);
  }

  /** @returns whether the id was expected */
  take(memberId: string): boolean {
    this.#ids.get(memberId)?.();
    return this.#ids.delete(memberId);
  }

  stop(): void {
    for (const cancel of this.#ids.values()) cancel();
    this.#ids.clear();
  }
}
