/** Registered schemas by id, compiled, for all batches that a process decodes. */
import { steadyMs } from '../lib/stopwatch.js';
import type { Clock } from '../lib/clock.js';
import { LongPromise } from '../lib/long-promise.js';
import { KeptSchemas, type Compiling } from './kept-schemas.js';
import { Denials, type Denial } from './schema-denials.js';
import { SchemaSearch, type SharedSchemas } from './schema-search.js';
import type { SchemaSource } from './schema-source.js';

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
  search(ids: Iterable<number>, ofRepairs?: ReadonlySet<number>, isUsed?: (id: number) => boolean): SchemaSearch<T> {
    return new SchemaSearch(this, ids, ofRepairs, isUsed);
  }

  /** Discards all denials so far: another registry gave them. */
  forgetDenials(): void {
    this.#forgotten++;
    this.#denials.clear();
  }

  denialsOf(id: number): Denial {
    return this.#denials.denialOf(id);
  }

  async ask(denial: Denial, signal: AbortSignal, onFound: (compiled: T) => void): Promise<number | null> {
    const { id } = denial;
    // The pause must not keep the schema in memory: it may be large.
    const compiling = this.#compile(id, await this.#schemaById(id, signal), onFound);
    if (compiling === null) {
      denial.note(steadyMs(this.clock));
      return null;
    }
    this.#confirmedId = id;
    this.#denials.delete(id);
    await this.#kept.pace(compiling, signal);
    return compiling.characters;
  }

  async answersForKnownId(signal: AbortSignal): Promise<boolean> {
    if ((await this.#schemaById(this.#confirmedId, signal)) !== null) return true;
    return (await this.#schemaById(this.#options.knownId, signal)) !== null;
  }

  /** @returns what it cost; null if there is no schema */
  #compile(id: number, schema: object | null, onFound: (compiled: T) => void): Compiling | null {
    if (schema === null) return null;
    const startedAt = steadyMs(this.clock);
    const characters = JSON.stringify(schema).length;
    const compiled = this.#options.compile(schema);
    this.#kept.keep(id, compiled, characters);
    onFound(compiled);
    return { characters, compilingMs: Math.max(0, steadyMs(this.clock) - startedAt) };
  }

  #schemaById(id: number, signal: AbortSignal): Promise<object | null> {
    if (signal.aborted) throw new DecodingAbortedError();
    return unlessAborted(this.#options.source.schemaById(id), signal);
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
