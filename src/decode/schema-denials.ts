/**
 * What the registry has denied: for each schema id since when, and whether the id counts as unknown.
 *
 * Records of an unknown id are dead letters permanently, so one denial is not enough: a registry that restarts, lags
 * behind or was restored from a backup denies ids too. An id is unknown if the registry denied it on every try over
 * 10 s and in between answered for an id that is known to exist. This holds for a minute, then the id is asked again.
 */

/** Milliseconds from the first denial of an id to the denial that makes it unknown. */
export const UNKNOWN_AFTER_MS = 10_000;
/** An unknown id is asked for again after this many milliseconds. */
export const ASK_AGAIN_MS = 60_000;
/** An id that a repair comes in is asked again after this many milliseconds: its schema may have just been registered. */
export const ASK_FOR_REPAIR_MS = 100;
/**
 * Ids remembered between batches, of about 130 bytes each (`npm run bench:costs`). A batch keeps its own ids until it is
 * decoded, so that a producer who sends more ids than this only loses what an earlier batch has found out.
 */
export const MAX_REMEMBERED_IDS = 10_000;

export class Denial {
  /** When the first and the last denial of the row came. */
  #firstAt: number | null = null;
  #lastAt = -Infinity;
  /** The registry has answered for a known id after the first denial, and since the id was last found to be unknown. */
  #isRegistryConfirmed = false;
  /** When the id was last found to be unknown; null before that. */
  #unknownAt: number | null = null;

  constructor(readonly id: number) {}

  /** -Infinity before the first denial. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Whether the registry must answer for a known id before another denial of this one counts. */
  get needsConfirmation(): boolean {
    return this.#firstAt !== null && !this.#isRegistryConfirmed;
  }

  isUnknown(now: number): boolean {
    return this.#unknownAt !== null && now >= this.#unknownAt && now - this.#unknownAt < ASK_AGAIN_MS;
  }

  /** Milliseconds until a denial can make the id unknown; 0 too before the first denial. */
  restMs(now: number): number {
    return this.#firstAt === null ? 0 : Math.max(0, this.#firstAt + UNKNOWN_AFTER_MS - now);
  }

  note(now: number): void {
    // The machine's time may be set back.
    if (this.#firstAt === null || now < this.#lastAt) this.#restart(now);
    this.#lastAt = now;
    if (!this.#isRegistryConfirmed || this.restMs(now) > 0) return;
    this.#unknownAt = now;
    this.#isRegistryConfirmed = false;
  }

  confirmRegistry(): void {
    if (this.#firstAt !== null) this.#isRegistryConfirmed = true;
  }

  /** A try that gave no answer breaks the row. An id that was unknown before needs no second row. */
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

/** The denials of the ids that were used last. */
export class Denials {
  /** By id, the one used longest ago first. */
  readonly #byId = new Map<number, Denial>();

  /** The denials of an id, new if none are remembered. The caller may keep the object after it is forgotten here. */
  of(id: number): Denial {
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
