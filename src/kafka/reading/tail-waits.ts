import { Backoff } from '../../lib/backoff.js';

/** How long a fetch at the end of the logs waits for new records, by leader: longer and longer while none come. */
export class TailWaits {
  readonly #waits = new Map<string, Backoff>();

  constructor(private readonly ms: { readonly shortest: number; readonly longest: number }) {}

  of(leader: string): Backoff {
    const wait = this.#waits.get(leader) ?? new Backoff(this.ms.shortest, this.ms.longest);
    this.#waits.set(leader, wait);
    return wait;
  }

  /** Forgets all other leaders: brokers come and go under new addresses. */
  keepOnly(leaders: readonly (string | undefined)[]): void {
    for (const leader of this.#waits.keys()) if (!leaders.includes(leader)) this.#waits.delete(leader);
  }
}
