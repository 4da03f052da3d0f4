/**
 * The registry's denials: for each schema id, since when it was denied, and whether it counts as unknown.
 *
 * A record with an unknown id becomes a dead letter permanently, so one denial is not enough. A registry that restarts,
 * lags behind or was restored from a backup denies ids too. An id counts as unknown under two conditions. For 10 s, the
 * registry denied the id on every try. Meanwhile, it answered for another id that is known to exist. This result holds
 * for a minute. Then the registry is asked for the id again.
 */

/** Milliseconds from the first denial of an id to the denial that makes it unknown. */
export const UNKNOWN_AFTER_MS = 10_000;
/** An unknown id is asked for again after this many milliseconds. */
export const ASK_AGAIN_MS = 60_000;
/** An id used by a repair is asked for again after this many milliseconds: its schema may have just been registered. */
export const ASK_FOR_REPAIR_MS = 100;
/**
 * Ids remembered between batches, about 130 bytes each (`npm run bench:costs`). A batch keeps its own ids until it is
 * decoded. So if a producer sends more ids than this, only the findings of earlier batches are lost.
 */
export const MAX_REMEMBERED_IDS = 10_000;

export class Denial {
  /** Times of the first and the last denial in the present uninterrupted series. */
  #firstAt: number | null = null;
  #lastAt = -Infinity;
  /** True if the registry has answered for a known id since the first denial, and since the id last became unknown. */
  #isRegistryConfirmed = false;
  /** When the id was last found unknown; null before that. */
  #unknownAt: number | null = null;

  constructor(readonly id: number) {}

  /** -Infinity before the first denial. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Whether the registry must answer for a known id before another denial of this id counts. */
  get needsConfirmation(): boolean {
    return this.#firstAt !== null && !this.#isRegistryConfirmed;
  }

  isUnknown(now: number): boolean {
    return this.#unknownAt !== null && now >= this.#unknownAt && now - this.#unknownAt < ASK_AGAIN_MS;
  }

  /** Milliseconds until a denial can make the id unknown; also 0 before the first denial. */
  msUntilUnknown(now: number): number {
    return this.#firstAt === null ? 0 : Math.max(0, this.#firstAt + UNKNOWN_AFTER_MS - now);
  }

  /** Whether the id was denied for long enough. Then only an answer for a known id is missing to make it unknown. */
  isDue(now: number): boolean {
    return this.#firstAt !== null && this.msUntilUnknown(now) === 0;
  }

  note(now: number): void {
    // The machine's clock may be set back.
    if (this.#firstAt === null || now < this.#lastAt) this.#restart(now);
    this.#lastAt = now;
    if (!this.#isRegistryConfirmed || this.msUntilUnknown(now) > 0) return;
    this.#unknownAt = now;
    this.#isRegistryConfirmed = false;
  }

  confirmRegistry(): void {
    if (this.#firstAt !== null) this.#isRegistryConfirmed = true;
  }

  /**
   * Call it for a try without an answer: the series starts again. An id that was already unknown needs no second
   * series.
   */
  interrupt(): void {
    if (this.#unknownAt === null) this.#restart(null);
  }

  #restart(firstAt: number | null): void {
    this.#firstAt = firstAt;
    this.#lastAt = -Infinity;
    this.#isRegistryConfirmed = false;
    this.#unknownAt = null;
  }
}

/** The denials of the most recently used ids. */
export class Denials {
  /** By id, in the order of their last use, oldest first. */
  readonly #byId = new Map<number, Denial>();

  /** The denials of an id; new if none are remembered. The caller may keep the object after it is dropped here. */
  denialOf(id: number): Denial {
    const denial = this.#byId.get(id) ?? new Denial(id);
    this.#byId.delete(id);
    this.#byId.set(id, denial);
    for (const oldest of this.#byId.keys()) {
      if (this.#byId.size <= MAX_REMEMBERED_IDS) break;
      this.#byId.delete(oldest);
    }
    return denial;
  }

  delete(id: number): void {
    this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }
}
