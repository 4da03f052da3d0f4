/**
 * Keeps compiled schemas by id, within a limit of memory, and limits how much is compiled in a second.
 *
 * Producers may register any number of schemas, and use more of them in turn than are kept. Each use would then request
 * and compile one, in the thread that all partitions share. So a batch that needs more than the limit waits. Large
 * schemas are kept apart from the others: they neither displace the usual ones nor delay them.
 */
import { steadyMs } from '../lib/stopwatch.js';
import type { Clock } from '../lib/clock.js';

/** Schemas with more characters are large. Usual ones have a few thousand. */
export const LARGE_CHARACTERS = 64 * 1_024;
/**
 * Characters of the kept schemas: hundreds of schemas of the usual size, and the same again of large ones. A compiled
 * schema of optional texts takes 34 bytes for each character with Node 20, and 22 with Node 24 (`npm run bench:costs`).
 * So all together are at most about 70 MB of such schemas. The latest schema is kept whatever its length.
 */
export const MAX_KEPT_CHARACTERS = 1_024 * 1_024;
/** Characters compiled in a second. Schemas of optional texts take about 25 ms of the thread for that. */
export const CHARACTERS_A_SECOND = 4 * 1_024 * 1_024;
/**
 * Milliseconds of compiling in a second. Compiling a schema of very many records takes a hundred times longer than its
 * characters suggest.
 */
export const COMPILING_MS_A_SECOND = 100;
/** After a second without new schemas, what may be compiled in a second is compiled without a wait. */
const BURST_MS = 1_000;
/** Limits the wait if the machine's clock is set, or if the machine was suspended while a schema was compiled. */
const MAX_WAIT_MS = 60_000;

/** The cost of compiling a schema. */
export interface Compiling {
  readonly characters: number;
  readonly compilingMs: number;
}

interface Kept<T> {
  readonly compiled: T;
  readonly characters: number;
}

export class KeptSchemas<T> {
  readonly #usual = new Pool<T>();
  readonly #large = new Pool<T>();

  constructor(private readonly clock: Clock) {}

  get(id: number): T | undefined {
    return this.#usual.get(id) ?? this.#large.get(id);
  }

  /** Keeps a schema. If there are too many, drops those kept longest ago. */
  keep(id: number, compiled: T, characters: number): void {
    this.#usual.drop(id);
    this.#large.drop(id);
    this.#poolOf(characters).keep(id, { compiled, characters });
  }

  /**
   * Waits if more than CHARACTERS_A_SECOND were compiled, or for more than COMPILING_MS_A_SECOND. Call it after compiling
   * a schema.
   */
  async pace({ characters, compilingMs }: Compiling, signal: AbortSignal): Promise<void> {
    const seconds = Math.max(characters / CHARACTERS_A_SECOND, compilingMs / COMPILING_MS_A_SECOND);
    const waitMs = this.#poolOf(characters).waitMsAfter(seconds, steadyMs(this.clock));
    if (waitMs > 0) await this.clock.delay(waitMs, signal);
  }

  #poolOf(characters: number): Pool<T> {
    return characters > LARGE_CHARACTERS ? this.#large : this.#usual;
  }
}

class Pool<T> {
  /** In the order in which they were compiled, oldest first. */
  readonly #kept = new Map<number, Kept<T>>();
  #characters = 0;
  /** When the schemas compiled so far are paid for. */
  #paidAt = -Infinity;

  get(id: number): T | undefined {
    return this.#kept.get(id)?.compiled;
  }

  keep(id: number, kept: Kept<T>): void {
    this.#kept.set(id, kept);
    this.#characters += kept.characters;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= MAX_KEPT_CHARACTERS || oldest === id) break;
      this.drop(oldest);
    }
  }

  drop(id: number): void {
    this.#characters -= this.#kept.get(id)?.characters ?? 0;
    this.#kept.delete(id);
  }

  waitMsAfter(seconds: number, now: number): number {
    const from = Math.min(Math.max(now, this.#paidAt), now + MAX_WAIT_MS);
    this.#paidAt = Math.min(from + seconds * 1_000, now + MAX_WAIT_MS);
    return this.#paidAt - now - BURST_MS;
  }
}
