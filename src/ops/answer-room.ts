/**
 * Bounds the bytes of the answers that an instance reads from others at the same time. An answer that has no room waits
 * for others to end, and the answers of one member never take all the room: a slow member delays only requests to
 * itself.
 */
import { AddressShares, type SharedLimit } from './address-shares.js';

interface Waiting {
  readonly bytes: number;
  readonly address: string;
  readonly begin: () => void;
}

export class AnswerRoom {
  readonly #taken: AddressShares;
  readonly #waiting = new Set<Waiting>();

  constructor(limit: SharedLimit) {
    this.#taken = new AddressShares(limit);
  }

  /**
   * Runs `work` when there is room for this many bytes, which stay taken until it has ended.
   * @throws the reason of `signal`, if it aborts while the answer waits
   */
  async hold<T>(bytes: number, address: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken.hasRoomFor(bytes, address)) this.#taken.take(bytes, address);
    else await this.#untilRoom(bytes, address, signal);
    try {
      return await work();
    } finally {
      this.#taken.give(bytes, address);
      this.#admit();
    }
  }

  #untilRoom(bytes: number, address: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason as Error);
      };
      const begin = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiting = { bytes, address, begin };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  /** Those that wait begin in their order, except those whose member has no room. */
  #admit(): void {
    for (const waiting of this.#waiting) {
      const { bytes, address, begin } = waiting;
      if (!this.#taken.hasRoomFor(bytes, address)) continue;
      this.#taken.take(bytes, address);
      this.#waiting.delete(waiting);
      begin();
    }
  }
}
