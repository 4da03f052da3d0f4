/**
 * Registered schemas by id, each asked for once and compiled once.
 *
 * An id that the registry denies to have is poison for its records, and poison is for ever, so that one denial is not
 * taken for an answer: a registry that restarts, lags behind or was restored from a backup denies ids too. It must deny
 * the id on every try over 10 s, and in between answer for an id known to exist.
 */
import type { Clock } from '../lib/clock.js';
import { DecodingAbortedError, unlessAborted } from './errors.js';
import { RegistryUnavailableError, type SchemaSource } from './schema-source.js';

/** Pauses between the tries for ids that the registry denies: 10 s in all, in milliseconds. */
export const DENIED_ID_PAUSES_MS: readonly number[] = [250, 500, 1_000, 2_000, 2_000, 2_000, 2_250];

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
   * Makes the schemas of `ids` available to `get`: what it has not got then, the registry does not have. The denied
   * ids wait together. A denial is not remembered, for the schema may be registered later.
   *
   * @throws RegistryUnavailableError where the registry gave no usable answer: nothing is known then;
   * DecodingAbortedError
   */
  async resolve(ids: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
    let denied = await this.#ask(ids, signal);
    let answering = false;
    for (const pauseMs of DENIED_ID_PAUSES_MS) {
      if (denied.size === 0) break;
      answering ||= await this.#answersForKnownId(signal);
      await this.#options.clock.delay(pauseMs, signal);
      denied = await this.#ask(denied, signal);
    }
    if (denied.size > 0 && !answering) throw this.#forgetfulRegistry(denied);
  }

  /** Asks once for each id; returns those denied. */
  async #ask(ids: ReadonlySet<number>, signal: AbortSignal): Promise<ReadonlySet<number>> {
    const denied = new Set<number>();
    for (const id of ids) {
      // Ids start at 1; a registry may well fail on others, which must not pass for an outage.
      if (id < 1 || this.#compiled.has(id)) continue;
      const schema = await this.#schemaById(id, signal);
      if (schema === null) {
        denied.add(id);
      } else {
        this.#compiled.set(id, this.#options.compile(schema));
        this.#confirmedId = id;
      }
    }
    return denied;
  }

  async #answersForKnownId(signal: AbortSignal): Promise<boolean> {
    if ((await this.#schemaById(this.#confirmedId, signal)) !== null) return true;
    return (await this.#schemaById(this.#options.knownId, signal)) !== null;
  }

  #schemaById(id: number, signal: AbortSignal): Promise<object | null> {
    if (signal.aborted) throw new DecodingAbortedError();
    return unlessAborted(this.#options.source.schemaById(id), signal);
  }

  #forgetfulRegistry(denied: ReadonlySet<number>): RegistryUnavailableError {
    return new RegistryUnavailableError(
      `the schema registry denies ids ${[...denied].join(', ')}, but also id ${this.#options.knownId}, which it had: ` +
        `it may be another registry or have lost its data; nothing is taken for poison until it has that id again`,
    );
  }
}
