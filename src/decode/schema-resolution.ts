/** Registered schemas by id, compiled, for all batches that a process decodes. */
import { steadyMs } from '../lib/stopwatch.js';
import type { Clock } from '../lib/clock.js';
import { LongPromise } from '../lib/long-promise.js';
import { KeptSchemas, type Compiling } from './kept-schemas.js';
import { Denials, type Denial } from './schema-denials.js';
import { SchemaSearch, type SharedSchemas } from './schema-search.js';
import type { SchemaAsker, SchemaSource } from './schema-source.js';

export interface SchemaResolutionOptions<T> {
  readonly source: SchemaSource;
  readonly clock: Clock;
  /** Makes the object that is kept for a schema. Must not throw for a schema that it cannot use. */
  readonly compile: (schema: object) => T;
  /** An id that certainly exists, such as the id of the outbound schema. */
  readonly knownId: number;
}

export class SchemaResolution<T> implements SharedSchemas<T> {
  readonly #options: SchemaResolutionOptions<T>;
  readonly #kept: KeptSchemas<T>;
  readonly #denials = new Denials();
  /** The id that the registry confirmed last. */
  #confirmedId: number;
  #forgotten = 0;

  constructor(options: SchemaResolutionOptions<T>) {
    this.#options = options;
    this.#kept = new KeptSchemas(options.clock);
    this.#confirmedId = options.knownId;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get knownId(): number {
    return this.#options.knownId;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  /** The compiled schema; undefined if it is not kept now. */
  get(id: number): T | undefined {
    return this.#kept.get(id);
  }

  /** Prepares finding out which of the ids of a batch the registry has. The parameters are those of SchemaSearch. */
  search(
    ids: Iterable<number>,
    asker: string,
    ofRepairs?: ReadonlySet<number>,
    isUsed?: (id: number) => boolean,
  ): SchemaSearch<T> {
    return new SchemaSearch(this, ids, asker, ofRepairs, isUsed);
  }

  /** Discards all denials so far: another registry gave them. */
  forgetDenials(): void {
    this.#forgotten++;
    this.#denials.clear();
  }

  denialsOf(id: number): Denial {
    return this.#denials.denialOf(id);
  }

  async ask(denial: Denial, asker: Required<SchemaAsker>, onFound: (compiled: T) => void): Promise<number | null> {
    const { id } = denial;
    const use = (schema: object | null): Promise<number | null> => {
      // The pause must not keep the schema in memory: it may be large. So this is not an async function.
      const compiling = this.#compile(id, schema, asker.name, onFound);
      if (compiling === null) return Promise.resolve(null);
      this.#confirmedId = id;
      this.#denials.delete(id);
      return this.#kept.pace(compiling).then(() => compiling.characters);
    };
    const characters = await this.#withSchema(id, asker, use);
    if (characters === null) denial.note(steadyMs(this.clock));
    return characters;
  }

  async answersForKnownId(asker: Required<SchemaAsker>): Promise<boolean> {
    const isRegistered = (schema: object | null) => schema !== null;
    if (await this.#withSchema(this.#confirmedId, asker, isRegistered)) return true;
    return this.#withSchema(this.#options.knownId, asker, isRegistered);
  }

  /** @returns what it cost; null if there is no schema */
  #compile(id: number, schema: object | null, asker: string, onFound: (compiled: T) => void): Compiling | null {
    if (schema === null) return null;
    const startedAt = steadyMs(this.clock);
    const characters = JSON.stringify(schema).length;
    const compiled = this.#options.compile(schema);
    this.#kept.keep(id, compiled, characters, asker);
    onFound(compiled);
    return { characters, compilingMs: steadyMs(this.clock) - startedAt };
  }

  #withSchema<R>(id: number, asker: Required<SchemaAsker>, use: (schema: object | null) => R | Promise<R>): Promise<R> {
    if (asker.signal.aborted) throw new DecodingAbortedError();
    return unlessAborted(this.#options.source.withSchema(id, asker, use), asker.signal);
  }
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
