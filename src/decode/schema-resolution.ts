/** Registered schemas by id, each requested and compiled once. Also decides which ids the registry does not have. */
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { LongPromise } from '../lib/long-promise.js';
import { ASK_FOR_REPAIR_MS, Denials, type Denial } from './schema-denials.js';
import { RegistryUnavailableError, type SchemaSource } from './schema-source.js';

/** Pauses between two tries for denied ids, in milliseconds. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 2_000;
/** The number of ids that one try requests before they are due, to notice sooner if they were registered meanwhile. */
const MAX_EARLY_IDS = 100;
/** Requests of one batch in progress at a time. */
const MAX_QUESTIONS = 8;
/**
 * Characters of the kept schemas: more than a thousand schemas of the usual size. A compiled schema of optional texts
 * takes 34 bytes for each character (`npm run bench:costs`). So this is about 70 MB of such schemas.
 */
const MAX_KEPT_CHARACTERS = 2 * 1024 * 1024;
/** The number of ids that a message names. */
const MAX_NAMED_IDS = 10;

export interface SchemaResolutionOptions<T> {
  readonly source: SchemaSource;
  readonly clock: Clock;
  /** Makes the object that is kept for a schema. Must not throw for a schema that it cannot use. */
  readonly compile: (schema: object) => T;
  /** An id that certainly exists, such as the id of the outbound schema. */
  readonly knownId: number;
}

interface Kept<T> {
  readonly compiled: T;
  readonly characters: number;
}

export class SchemaResolution<T> {
  readonly #options: SchemaResolutionOptions<T>;
  /** In the order of their requests, oldest first. */
  readonly #compiled = new Map<number, Kept<T>>();
  #keptCharacters = 0;
  readonly #denials = new Denials();
  /** The id that the registry confirmed last. */
  #confirmedId: number;

  constructor(options: SchemaResolutionOptions<T>) {
    this.#options = options;
    this.#confirmedId = options.knownId;
  }

  /** The compiled schema; undefined if it is not kept now. */
  get(id: number): T | undefined {
    return this.#compiled.get(id)?.compiled;
  }

  /**
   * As `get`, for an id that the registry has. If the schema was dropped to keep others, requests it again.
   *
   * @throws RegistryUnavailableError, also if the registry now denies the id; DecodingAbortedError
   */
  async read(id: number, signal: AbortSignal): Promise<T> {
    const kept = this.get(id);
    if (kept !== undefined) return kept;
    const schema = await this.#schemaById(id, signal);
    if (schema === null)
      throw new RegistryUnavailableError(`the schema registry now denies id ${id}, which it had before`);
    return this.#keep(id, schema);
  }

  /** Discards all denials so far: another registry gave them. */
  forgetDenials(): void {
    this.#denials.clear();
  }

  /**
   * Finds out which of `ids` the registry has. All ids not decided yet wait together. Ids already known to be unknown
   * do not wait again.
   *
   * @param ofRepairs the ids that repairs use: asked for again even if they are known to be unknown
   * @returns the unknown ids; `read` has the schemas of all others
   * @throws RegistryUnavailableError if the registry gave no usable answer: then nothing is decided;
   *   DecodingAbortedError
   */
  async resolve(
    ids: ReadonlySet<number>,
    signal: AbortSignal,
    ofRepairs: ReadonlySet<number> = new Set(),
  ): Promise<ReadonlySet<number>> {
    const { clock } = this.#options;
    const found = new Set<number>();
    await this.#ask(this.#unknownAmong(ofRepairs), signal, found);
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    // These objects are kept until every id has an answer, even if `denials` drops them. So each try makes progress.
    let open = this.#openAmong(ids, found);
    try {
      while (open.length > 0) {
        const isConfirmed = await this.#confirmRegistry(open, signal);
        await this.#ask(idsOfTry(open, clock.now()), signal, found);
        open = open.filter((denial) => !found.has(denial.id) && !denial.isUnknown(clock.now()));
        if (open.length === 0) break;
        const now = clock.now();
        const restMs = open.reduce((least, denial) => Math.min(least, denial.msUntilUnknown(now)), Infinity);
        if (restMs === 0 && !isConfirmed) throw this.#forgetfulRegistry(open);
        await clock.delay(Math.min(backoff.next(), restMs), signal);
      }
    } catch (error) {
      if (error instanceof RegistryUnavailableError) for (const denial of open) denial.interrupt();
      throw error;
    }
    return new Set([...ids].filter((id) => !found.has(id)));
  }

  /** The unknown ids whose last request was a while ago; limited in number. */
  #unknownAmong(ids: ReadonlySet<number>): readonly Denial[] {
    const now = this.#options.clock.now();
    const denials = [...ids].slice(0, MAX_EARLY_IDS).map((id) => this.#denials.denialOf(id));
    return denials.filter((denial) => denial.isUnknown(now) && now - denial.lastAt >= ASK_FOR_REPAIR_MS);
  }

  /** The ids that were neither found nor are unknown now. Adds the ids that are kept to `found`. */
  #openAmong(ids: ReadonlySet<number>, found: Set<number>): readonly Denial[] {
    const now = this.#options.clock.now();
    const open: Denial[] = [];
    for (const id of ids) {
      // Ids start at 1. A registry may fail on other numbers, and that must not count as an outage.
      if (id < 1 || found.has(id)) continue;
      if (this.#compiled.has(id)) {
        found.add(id);
        continue;
      }
      const denial = this.#denials.denialOf(id);
      if (!denial.isUnknown(now)) open.push(denial);
    }
    return open;
  }

  /** Whether the registry answers for a known id; also true if it need not be asked. */
  async #confirmRegistry(open: readonly Denial[], signal: AbortSignal): Promise<boolean> {
    const waiting = open.filter((denial) => denial.needsConfirmation);
    if (waiting.length === 0) return true;
    if (!(await this.#answersForKnownId(signal))) return false;
    for (const denial of waiting) denial.confirmRegistry();
    return true;
  }

  /**
   * Requests each id once, a few at a time; the first failure ends it. Adds the ids that the registry has to `found`.
   */
  async #ask(denials: readonly Denial[], signal: AbortSignal, found: Set<number>): Promise<void> {
    const left = denials.values();
    let failed = false;
    const askOn = async () => {
      // All tasks share one iterator: each takes the next id.
      for (const denial of left) {
        if (failed) return;
        const has = await this.#askFor(denial, signal).catch((error: unknown) => {
          failed = true;
          throw error;
        });
        if (has) found.add(denial.id);
      }
    };
    await Promise.all(Array.from({ length: MAX_QUESTIONS }, askOn));
  }

  /** @returns whether the registry has the id */
  async #askFor(denial: Denial, signal: AbortSignal): Promise<boolean> {
    const { id } = denial;
    const schema = await this.#schemaById(id, signal);
    if (schema === null) {
      denial.note(this.#options.clock.now());
      return false;
    }
    this.#keep(id, schema);
    this.#confirmedId = id;
    this.#denials.delete(id);
    return true;
  }

  /** Keeps a schema. If there are too many, drops those requested longest ago: producers may register any number. */
  #keep(id: number, schema: object): T {
    const compiled = this.#options.compile(schema);
    this.#drop(id);
    const characters = JSON.stringify(schema).length;
    this.#compiled.set(id, { compiled, characters });
    this.#keptCharacters += characters;
    for (const oldest of this.#compiled.keys()) {
      if (this.#keptCharacters <= MAX_KEPT_CHARACTERS || oldest === id) break;
      this.#drop(oldest);
    }
    return compiled;
  }

  #drop(id: number): void {
    this.#keptCharacters -= this.#compiled.get(id)?.characters ?? 0;
    this.#compiled.delete(id);
  }

  async #answersForKnownId(signal: AbortSignal): Promise<boolean> {
    if ((await this.#schemaById(this.#confirmedId, signal)) !== null) return true;
    return (await this.#schemaById(this.#options.knownId, signal)) !== null;
  }

  #schemaById(id: number, signal: AbortSignal): Promise<object | null> {
    if (signal.aborted) throw new DecodingAbortedError();
    return unlessAborted(this.#options.source.schemaById(id), signal);
  }

  #forgetfulRegistry(denied: readonly Denial[]): RegistryUnavailableError {
    const ids = denied.slice(0, MAX_NAMED_IDS).map(({ id }) => id);
    const others = denied.length > ids.length ? ` and ${denied.length - ids.length} others` : '';
    return new RegistryUnavailableError(
      `the schema registry denies ids ${ids.join(', ')}${others}, but also id ${this.#options.knownId}, which it had before: it ` +
        `may be another registry or have lost its data; no record counts as bad until it has that id again`,
    );
  }
}

/** All ids that this try can decide, and a few of the others: those requested longest ago. */
function idsOfTry(open: readonly Denial[], now: number): readonly Denial[] {
  const due = open.filter((denial) => denial.msUntilUnknown(now) === 0);
  const early = open.filter((denial) => denial.msUntilUnknown(now) > 0).sort((a, b) => a.lastAt - b.lastAt);
  return [...due, ...early.slice(0, MAX_EARLY_IDS)];
}

/** The caller aborted the batch (its partition was revoked, or the process stops): not a fault, nothing to retry. */
export class DecodingAbortedError extends Error {
  override readonly name = 'DecodingAbortedError';
  constructor() {
    super('the caller aborted the decoding');
  }
}

/**
 * The result of `work`, or a rejection as soon as `signal` aborts. The work itself continues, and its result is
 * ignored.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (await new LongPromise(work).settlesBefore(signal)) return work;
  throw new DecodingAbortedError();
}
