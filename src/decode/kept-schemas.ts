/**
 * Keeps compiled schemas by id, within a limit of memory, and limits how much is compiled in a second.
 *
 * Producers may register any number of schemas, and use more of them in turn than are kept. Each use would then request
 * and compile one, in the thread that all partitions share. So a batch that needs more than the limit waits. Large
 * schemas are kept apart from the others: they neither displace the usual ones nor delay them. A partition that needs
 * many schemas displaces its own, not those of other partitions.
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
/** Limits the wait if the process was frozen while a schema was compiled. */
const MAX_WAIT_MS = 60_000;

/** The cost of compiling a schema. */
export interface Compiling {
  readonly characters: number;
  readonly compilingMs: number;
}

interface Kept<T> {
  readonly compiled: T;
  readonly characters: number;
  readonly asker: string;
  /** Used since it was compiled, or since it was last spared. */
  isUsed: boolean;
}

export class KeptSchemas<T> {
  readonly #usual = new Pool<T>();
  readonly #large = new Pool<T>();
  /** Schemas of more than MAX_KEPT_CHARACTERS, so only the latest one. It must not displace all large ones. */
  readonly #largest = new Pool<T>();
  readonly #usualDebt = new Debt();
  readonly #largeDebt = new Debt();

  constructor(private readonly clock: Clock) {}

  get(id: number): T | undefined {
    return this.#usual.get(id) ?? this.#large.get(id) ?? this.#largest.get(id);
  }

  /**
   * Keeps a schema. If there are too many, drops schemas of the asker with the most characters: those that were compiled
   * longest ago, and not used since then.
   */
  keep(id: number, compiled: T, characters: number, asker: string): void {
    this.#usual.drop(id);
    this.#large.drop(id);
    this.#largest.drop(id);
    this.#poolOf(characters).keep(id, { compiled, characters, asker, isUsed: false });
  }

  /**
   * Waits if more than CHARACTERS_A_SECOND were compiled, or for more than COMPILING_MS_A_SECOND. Call it after compiling
   * a schema, before the turn ends: then nobody compiles the next one without paying for this one.
   */
  async pace({ characters, compilingMs }: Compiling): Promise<void> {
    const seconds = Math.max(characters / CHARACTERS_A_SECOND, compilingMs / COMPILING_MS_A_SECOND);
    const debt = characters > LARGE_CHARACTERS ? this.#largeDebt : this.#usualDebt;
    const waitMs = debt.waitMsAfter(seconds, steadyMs(this.clock));
    if (waitMs > 0) await this.clock.delay(waitMs);
  }

  #poolOf(characters: number): Pool<T> {
    if (characters <= LARGE_CHARACTERS) return this.#usual;
    return characters <= MAX_KEPT_CHARACTERS ? this.#large : this.#largest;
  }
}

/** The ids that one asker has had compiled. */
interface Share {
  /** The one that was compiled or spared longest ago is the first. */
  readonly ids: Set<number>;
  characters: number;
}

class Pool<T> {
  readonly #kept = new Map<number, Kept<T>>();
  readonly #shares = new Map<string, Share>();
  #characters = 0;

  get(id: number): T | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    kept.isUsed = true;
    return kept.compiled;
  }

  keep(id: number, kept: Kept<T>): void {
    this.#kept.set(id, kept);
    this.#characters += kept.characters;
    const share = this.#shares.get(kept.asker) ?? { ids: new Set(), characters: 0 };
    share.ids.add(id);
    share.characters += kept.characters;
    this.#shares.set(kept.asker, share);
    while (this.#characters > MAX_KEPT_CHARACTERS && this.#kept.size > 1) this.drop(this.#oldestOfLargestShare(id));
  }

  drop(id: number): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    this.#characters -= kept.characters;
    const share = this.#shares.get(kept.asker);
    share?.ids.delete(id);
    if (share !== undefined) share.characters -= kept.characters;
    if (share?.ids.size === 0) this.#shares.delete(kept.asker);
  }

  /** @param latest is not returned */
  #oldestOfLargestShare(latest: number): number {
    let largest: Share | null = null;
    for (const share of this.#shares.values()) {
      const isAllItHas = share.ids.size === 1 && share.ids.has(latest);
      if (!isAllItHas && share.characters > (largest?.characters ?? -1)) largest = share;
    }
    // Each schema that was used is spared once, so the search ends.
    for (const id of largest?.ids ?? []) {
      const kept = this.#kept.get(id);
      if (id === latest || kept === undefined) continue;
      if (!kept.isUsed) return id;
      kept.isUsed = false;
      largest?.ids.delete(id);
      largest?.ids.add(id);
    }
    throw new Error('no schema can be dropped');
  }
}

class Debt {
  /** When the schemas compiled so far are paid for. */
  #paidAt = -Infinity;

  waitMsAfter(seconds: number, now: number): number {
    this.#paidAt = Math.min(Math.max(now, this.#paidAt) + seconds * 1_000, now + MAX_WAIT_MS);
    return this.#paidAt - now - BURST_MS;
  }
}
