import { Backoff } from '../../lib/backoff.js';

/** Knows how long a fetch at the end of the logs waits for new records, by leader. The wait grows while none come. */
export class TailWaits {
  readonly #waits = new Map<string, Backoff>();

  constructor(private readonly ms: { readonly shortest: number; readonly longest: number }) {}

  of(leader: string): Backoff {
    const wait = this.#waits.get(leader) ?? new Backoff(this.ms.shortest, this.ms.longest);
    this.#waits.set(leader, wait);
    return wait;
  }

  /** Forgets all other leaders, because brokers may come back under new addresses. */
  keepOnly(leaders: readonly (string | undefined)[]): void {
    for (const leader of this.#waits.keys()) if (!leaders.includes(leader)) this.#waits.delete(leader);
  }
}
