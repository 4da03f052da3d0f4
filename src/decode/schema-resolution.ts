/** Registered schemas by id, each asked for once and compiled once; ids that the registry does not have. */
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { DecodingAbortedError, unlessAborted } from './errors.js';
import { ASK_FOR_REPAIR_MS, Denials, type Denial } from './schema-denials.js';
import { RegistryUnavailableError, type SchemaSource } from './schema-source.js';

/** Pauses between two tries for ids that the registry denies, in milliseconds. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2_000;
/** Ids that one try asks for only to notice early that they were registered meanwhile. */
const MAX_EARLY_IDS = 100;
/** Questions of one batch that are under way at a time. */
const MAX_QUESTIONS = 8;
/** Ids named in a message. */
const MAX_NAMED_IDS = 10;

export interface SchemaResolutionOptions<T> {
  readonly source: SchemaSource;
  readonly clock: Clock;
  /** What is kept of a schema; must not throw for a schema that it cannot use. */
  readonly compile: (schema: object) => T;
  /** An id that certainly exists, such as that of the outbound schema. */
  readonly knownId: number;
}

export class SchemaResolution<T> {
  readonly #options: SchemaResolutionOptions<T>;
  readonly #compiled = new Map<number, T>();
  readonly #denials = new Denials();
  /** The id that the registry confirmed last. */
  #confirmedId: number;

  constructor(options: SchemaResolutionOptions<T>) {
    this.#options = options;
    this.#confirmedId = options.knownId;
  }

  /** What `compile` made of the schema; undefined where `resolve` has not found it. */
  get(id: number): T | undefined {
    return this.#compiled.get(id);
  }

  /**
   * Makes the schemas of `ids` available to `get`. An id that `get` does not have afterwards is unknown to the registry.
   * All unknown ids wait together, and those that are known to be unknown do not wait again.
   *
   * @param ofRepairs those of `ids` that repairs come in: asked again even if they are known to be unknown
   * @throws RegistryUnavailableError where the registry gave no usable answer: nothing is known then;
   * DecodingAbortedError
   */
  async resolve(
    ids: ReadonlySet<number>,
    signal: AbortSignal,
    ofRepairs: ReadonlySet<number> = new Set(),
  ): Promise<void> {
    const { clock } = this.#options;
    await this.#ask(this.#unknownAmong(ofRepairs), signal);
    const backoff = new Backoff(FIRST_PAUSE_MS, MAX_PAUSE_MS);
    // Kept here until every id has an answer, even if it is forgotten elsewhere: each try brings the answer nearer.
    let open = this.#openAmong(ids);
    try {
      while (open.length > 0) {
        const isConfirmed = await this.#confirmRegistry(open, signal);
        await this.#ask(idsOfTry(open, clock.now()), signal);
        open = open.filter((denial) => !this.#compiled.has(denial.id) && !denial.isUnknown(clock.now()));
        if (open.length === 0) return;
        const now = clock.now();
        const restMs = open.reduce((least, denial) => Math.min(least, denial.restMs(now)), Infinity);
        if (restMs === 0 && !isConfirmed) throw this.#forgetfulRegistry(open);
        await clock.delay(Math.min(backoff.next(), restMs), signal);
      }
    } catch (error) {
      if (error instanceof RegistryUnavailableError) for (const denial of open) denial.interrupt();
      throw error;
    }
  }

  /** The unknown ids that were last asked for a while ago; not too many. */
  #unknownAmong(ids: ReadonlySet<number>): readonly Denial[] {
    const now = this.#options.clock.now();
    const denials = [...ids].slice(0, MAX_EARLY_IDS).map((id) => this.#denials.of(id));
    return denials.filter((denial) => denial.isUnknown(now) && now - denial.lastAt >= ASK_FOR_REPAIR_MS);
  }

  /** The ids that neither were found nor are unknown at present. */
  #openAmong(ids: ReadonlySet<number>): readonly Denial[] {
    const now = this.#options.clock.now();
    const open: Denial[] = [];
    for (const id of ids) {
      // Ids start at 1; a registry may well fail on others, which must not pass for an outage.
      if (id < 1 || this.#compiled.has(id)) continue;
      const denial = this.#denials.of(id);
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

  /** Asks once for each id, a few at a time; the first failure ends it. */
  async #ask(denials: readonly Denial[], signal: AbortSignal): Promise<void> {
    const left = denials.values();
    let failed = false;
    const askOn = async () => {
      // One iterator for all: each takes the next id.
      for (const denial of left) {
        if (failed) return;
        await this.#askFor(denial, signal).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: MAX_QUESTIONS }, askOn));
  }

  async #askFor(denial: Denial, signal: AbortSignal): Promise<void> {
    const { id } = denial;
    const schema = await this.#schemaById(id, signal);
    if (schema === null) return denial.note(this.#options.clock.now());
    this.#compiled.set(id, this.#options.compile(schema));
    this.#confirmedId = id;
    this.#denials.delete(id);
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
      `the schema registry denies ids ${ids.join(', ')}${others}, but also id ${this.#options.knownId}, which it had: ` +
        `it may be another registry or have lost its data; nothing is taken for poison until it has that id again`,
    );
  }
}

/** All ids that this try can decide, and a few of the others: those that were asked for longest ago. */
function idsOfTry(open: readonly Denial[], now: number): readonly Denial[] {
  const due = open.filter((denial) => denial.restMs(now) === 0);
  const early = open.filter((denial) => denial.restMs(now) > 0).sort((a, b) => a.lastAt - b.lastAt);
  return [...due, ...early.slice(0, MAX_EARLY_IDS)];
}
