/** Counts wrong tokens by the address that they came from, in bounded memory. */
import { steadyMs, type SteadyClock } from '../lib/stopwatch.js';
import { isIPv6 } from 'node:net';

/** If an address sends this many wrong tokens within the window, it is refused until the window is over. */
export const MAX_WRONG_TOKENS = 10;
export const WRONG_TOKENS_WINDOW_MS = 60_000;
/** Addresses that are remembered; the oldest is forgotten first. `npm run bench:costs`: about 100 bytes each. */
export const MAX_ADDRESSES = 1_000;

interface Count {
  tokens: number;
  readonly endsAt: number;
}

export class WrongTokens {
  readonly #counts = new Map<string, Count>();

  constructor(private readonly clock: SteadyClock) {}

  get size(): number {
    return this.#counts.size;
  }

  note(address: string): void {
    const now = steadyMs(this.clock);
    const network = networkOf(address);
    const known = this.#counts.get(network);
    if (known !== undefined && known.endsAt > now) {
      known.tokens++;
      return;
    }
    this.#counts.delete(network);
    this.#counts.set(network, { tokens: 1, endsAt: now + WRONG_TOKENS_WINDOW_MS });
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > MAX_ADDRESSES && oldest !== undefined) this.#counts.delete(oldest);
  }

  /** Seconds for which the address is still refused; 0 if it is not refused. */
  waitSeconds(address: string): number {
    const known = this.#counts.get(networkOf(address));
    if (known === undefined || known.tokens < MAX_WRONG_TOKENS) return 0;
    return Math.max(0, Math.ceil((known.endsAt - steadyMs(this.clock)) / 1_000));
  }
}

/** The address, or for IPv6 its first 64 bits: one machine has all addresses of such a network. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - last.length).fill('0');
  return [...groups, ...zeros, ...last].slice(0, 4).join(':');
}
