/**
 * Finds out about the schema ids of one batch: which of them the registry has, and which of them count as unknown.
 *
 * The ids are requested in the order of their first use, a limited number in each try. So the first records of a batch
 * are decided first, however many ids follow. A search keeps its findings if a try fails. A failed request says nothing
 * about other ids, so one failure among many answers does not undo them.
 *
 * A batch may wait for hours because the registry fails for one id. Meanwhile, ids that it denied may be registered. So
 * `advance` opens the ids again that were found unknown more than a minute ago.
 */
import { steadyMs } from '../lib/stopwatch.js';
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { ASK_FOR_REPAIR_MS, type Denial } from './schema-denials.js';
import { requestAll } from './schema-requests.js';
import { RegistryUnavailableError, type SchemaAsker } from './schema-source.js';

/** Pauses between two tries, in milliseconds. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 2_000;
/** The number of due ids (`Denial.isDue`) that one try requests. */
export const MAX_IDS_OF_TRY = 1_000;
/** The number of ids that one try requests before they are due: a new schema of such an id is found sooner. */
const MAX_EARLY_IDS = 20;
/** The number of unknown ids that are requested again because repairs use them. */
const MAX_REPAIRED_IDS = 100;
/**
 * The least time between two openings of unknown ids is this, multiplied by the number of ids of the batch. Without it, a
 * registry that answers 25 requests a second could never decide a batch of more than 1,500 unknown ids.
 */
const REOPEN_MS_AN_ID = 100;
/** The number of ids that a message names. */
const MAX_NAMED_IDS = 10;

/** The schemas that all batches share, as one search uses them. */
export interface SharedSchemas<T> {
  readonly clock: Clock;
  /** The id that certainly exists. */
  readonly knownId: number;
  /** How often all denials were discarded. A search must then discard its findings too. */
  readonly forgotten: number;
  get(id: number): T | undefined;
  denialsOf(id: number): Denial;
  /**
   * Requests an id, and notes a denial.
   * @returns the number of characters compiled; null if the registry denies the id
   */
  ask(denial: Denial, asker: Required<SchemaAsker>, onFound: (compiled: T) => void): Promise<number | null>;
  /** Whether the registry has an id that is known to exist. */
  answersForKnownId(asker: Required<SchemaAsker>): Promise<boolean>;
}

/** The ids that a batch waits for. */
export interface OpenIds {
  /** The number of ids that neither were found nor count as unknown. */
  readonly count: number;
  /** The first of them. */
  readonly id: number;
}

type OnFound<T> = (id: number, compiled: T) => void;

export class SchemaSearch<T> {
  /** The ids that are not decided, in the order of their first use. */
  #open = new Map<number, Denial>();
  /** Each unknown id with its denial, which others may have forgotten. Null for an id that no registry has. */
  readonly #unknown = new Map<number, Denial | null>();
  /** Unknown ids that are requested again. */
  readonly #repaired = new Set<number>();
  readonly #ids: readonly number[];
  #reopenedAt = -Infinity;
  #forgotten: number;
  /** Whether the last try left ids for the next try. */
  #isCutShort = false;
  /** Whether the last try continued after a failure. */
  #failed = false;

  /**
   * @param ids in the order of their first use
   * @param ofRepairs the ids that repairs use: asked for again even if they are known to be unknown
   * @param isUsed false for an id that the caller will not use again: the registry need not deny that id once more
   */
  constructor(
    private readonly shared: SharedSchemas<T>,
    ids: Iterable<number>,
    private readonly asker: string,
    ofRepairs: ReadonlySet<number> = new Set(),
    private readonly isUsed: (id: number) => boolean = () => true,
  ) {
    this.#ids = [...ids];
    this.#forgotten = shared.forgotten;
    const now = steadyMs(shared.clock);
    for (const id of this.#ids) {
      // Ids start at 1. A registry may fail on other numbers, and that must not count as an outage.
      if (id < 1) this.#unknown.set(id, null);
      else this.#add(id, now, ofRepairs.has(id));
    }
  }

  /** The number of ids that are not decided. */
  get openCount(): number {
    return this.#open.size;
  }

  isUnknown(id: number): boolean {
    return this.#unknown.has(id);
  }

  /**
   * Tries at least once, and then again until enough is decided. All ids wait together. Ids already known to be unknown
   * do not wait again.
   *
   * @param isEnough whether the caller can continue; not asked if all ids are decided
   * @param onFound receives each schema that the registry has. The schema may be dropped after that
   * @param onWait called before each pause
   * @throws RegistryUnavailableError if not enough is decided, and the registry gives no usable answers. Call it again:
   *   what is known by then is kept
   * @throws DecodingAbortedError
   */
  async advance(
    signal: AbortSignal,
    isEnough: () => boolean,
    onFound: OnFound<T>,
    onWait: (open: OpenIds) => void = () => undefined,
  ): Promise<void> {
    const { clock } = this.shared;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    this.#restartIfForgotten();
    this.#reopenExpired(steadyMs(clock));
    while (this.#open.size > 0) {
      try {
        await this.#try(signal, isEnough, onFound);
      } catch (error) {
        if (error instanceof RegistryUnavailableError && isEnough()) return;
        throw error;
      }
      const [first] = this.#open.keys();
      if (first === undefined || isEnough()) return;
      if (this.#isCutShort) continue;
      onWait({ count: this.#open.size, id: first });
      const pauseMs = backoff.next();
      await clock.delay(this.#failed ? pauseMs : Math.min(pauseMs, this.#msUntilUnknown(steadyMs(clock))), signal);
    }
  }

  #add(id: number, now: number, isRepaired: boolean): void {
    const denial = this.shared.denialsOf(id);
    if (!denial.isUnknown(now)) this.#open.set(id, denial);
    else if (isRepaired && now - denial.lastAt >= ASK_FOR_REPAIR_MS && this.#repaired.size < MAX_REPAIRED_IDS) {
      this.#repaired.add(id);
      this.#open.set(id, denial);
    } else this.#unknown.set(id, denial);
  }

  #restartIfForgotten(): void {
    if (this.#forgotten === this.shared.forgotten) return;
    this.#forgotten = this.shared.forgotten;
    const ids = [...this.#unknown.keys(), ...this.#open.keys()];
    this.#unknown.clear();
    this.#open.clear();
    this.#repaired.clear();
    for (const id of ids) {
      if (id < 1) this.#unknown.set(id, null);
      else this.#open.set(id, this.shared.denialsOf(id));
    }
  }

  /** Opens the ids again that were found unknown too long ago. All open ids stay in the order of their first use. */
  #reopenExpired(now: number): void {
    const isExpired = (denial: Denial | null) => denial !== null && !denial.isUnknown(now) && this.isUsed(denial.id);
    const expired = new Map([...this.#unknown].filter(([, denial]) => isExpired(denial)));
    const isTooEarly = now >= this.#reopenedAt && now - this.#reopenedAt < this.#ids.length * REOPEN_MS_AN_ID;
    if (expired.size === 0 || isTooEarly) return;
    this.#reopenedAt = now;
    const before = this.#open;
    this.#open = new Map();
    for (const id of this.#ids) {
      const denial = before.get(id) ?? expired.get(id);
      if (denial) this.#open.set(id, denial);
    }
    for (const id of expired.keys()) this.#unknown.delete(id);
  }

  async #try(signal: AbortSignal, isEnough: () => boolean, onFound: OnFound<T>): Promise<void> {
    const { clock } = this.shared;
    this.#noteFindingsOfOthers(onFound);
    const asked = this.#idsOfTry(steadyMs(clock));
    if (asked.length === 0) return;
    const confirmation = await this.#confirmRegistry(signal);
    await this.#askAll(asked, signal, isEnough, onFound);
    const now = steadyMs(clock);
    const isUndecided = asked.some((denial) => this.#open.has(denial.id) && denial.isDue(now));
    if (confirmation === 'confirmed' || !isUndecided) return;
    if (confirmation instanceof RegistryUnavailableError) throw this.#explained(confirmation);
    for (const denial of this.#open.values()) denial.interrupt();
    throw this.#forgetfulRegistry();
  }

  /** Other batches may have requested the same ids. */
  #noteFindingsOfOthers(onFound: OnFound<T>): void {
    const now = steadyMs(this.shared.clock);
    for (const [id, denial] of this.#open) {
      const compiled = this.shared.get(id);
      if (compiled !== undefined) this.#found(id, compiled, onFound);
      else if (denial.isUnknown(now) && !this.#repaired.has(id)) this.#isUnknownNow(denial);
    }
  }

  #found(id: number, compiled: T, onFound: OnFound<T>): void {
    this.#open.delete(id);
    onFound(id, compiled);
  }

  #isUnknownNow(denial: Denial): void {
    this.#open.delete(denial.id);
    this.#unknown.set(denial.id, denial);
  }

  /** The first ids that this try can decide, and a few of the others: those requested longest ago. */
  #idsOfTry(now: number): readonly Denial[] {
    const due: Denial[] = [];
    const early: Denial[] = [];
    this.#isCutShort = false;
    for (const denial of this.#open.values()) {
      if (denial.msUntilUnknown(now) > 0 && !this.#repaired.has(denial.id)) early.push(denial);
      else if (due.length < MAX_IDS_OF_TRY) due.push(denial);
      else this.#isCutShort = true;
    }
    early.sort((a, b) => a.lastAt - b.lastAt);
    return [...due, ...early.slice(0, MAX_EARLY_IDS)];
  }

  #msUntilUnknown(now: number): number {
    let least = Infinity;
    for (const denial of this.#open.values()) least = Math.min(least, denial.msUntilUnknown(now));
    return least;
  }

  /** Whether the registry answers for a known id, or why not; `confirmed` also if it need not be asked. */
  async #confirmRegistry(signal: AbortSignal): Promise<'confirmed' | 'denied' | RegistryUnavailableError> {
    const waiting = [...this.#open.values()].filter((denial) => denial.needsConfirmation);
    if (waiting.length === 0) return 'confirmed';
    try {
      if (!(await this.shared.answersForKnownId({ name: this.asker, signal }))) return 'denied';
    } catch (error) {
      if (error instanceof RegistryUnavailableError) return error;
      throw error;
    }
    for (const denial of waiting) denial.confirmRegistry();
    return 'confirmed';
  }

  /** @throws RegistryUnavailableError if the try has ended early, or has got no answer */
  async #askAll(
    denials: readonly Denial[],
    signal: AbortSignal,
    isEnough: () => boolean,
    onFound: OnFound<T>,
  ): Promise<void> {
    const ask = (denial: Denial) => this.#askFor(denial, signal, onFound);
    const { failure, isOver, isCutShort } = await requestAll(denials, this.shared.clock, isEnough, ask);
    this.#isCutShort ||= isCutShort;
    this.#failed = failure !== null;
    if (failure !== null && isOver) throw this.#explained(failure);
  }

  async #askFor(denial: Denial, signal: AbortSignal, onFound: OnFound<T>): Promise<number | null> {
    const onCompiled = (compiled: T) => this.#found(denial.id, compiled, onFound);
    const characters = await this.shared.ask(denial, { name: this.asker, signal }, onCompiled);
    if (characters === null && denial.isUnknown(steadyMs(this.shared.clock))) this.#isUnknownNow(denial);
    return characters;
  }

  /** Names the ids that the registry has denied: the records may be the cause of the requests that it refuses. */
  #explained(failure: RegistryUnavailableError): RegistryUnavailableError {
    const denied = [...this.#open.values()].filter(({ lastAt }) => lastAt > -Infinity);
    if (denied.length === 0) return failure;
    const ids = denied.length === 1 ? 'a schema id' : `${denied.length} schema ids`;
    return new RegistryUnavailableError(
      `${failure.message}; before that, it denied ${ids} of the records read, such as ${namesOf(denied)}: ` +
        'if many are denied, a producer sends wrong ids',
      { cause: failure, retryAfterMs: failure.retryAfterMs },
    );
  }

  #forgetfulRegistry(): RegistryUnavailableError {
    const { knownId } = this.shared;
    return new RegistryUnavailableError(
      `the schema registry denies ids ${namesOf([...this.#open.values()])}, but also id ${knownId}, which it had before: ` +
        'SCHEMA_REGISTRY_URL may name another registry, or the registry has lost its data. Until it has ' +
        `id ${knownId} again, no record counts as bad`,
    );
  }
}

function namesOf(denials: readonly Denial[]): string {
  const ids = denials.slice(0, MAX_NAMED_IDS).map(({ id }) => id);
  const others = denials.length > ids.length ? ` and ${denials.length - ids.length} others` : '';
  return ids.join(', ') + others;
}
