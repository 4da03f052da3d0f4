/**
 * Lets the partitions of a process take turns at the schema registry. One producer may use many schemas that are large, or
 * slow to fetch and to compile. They must not delay the partitions that need other schemas.
 *
 * A turn contains the look-up of one schema, and what its asker does with it: compiling it, and the pause that pays for
 * that. Usual schemas have USUAL_TURNS turns at a time, and large ones have one, because a large schema takes much memory
 * while it is parsed. Free turns go to the askers in rotation.
 *
 * So if `n` partitions wait, the first schema of each is found after at most `n / USUAL_TURNS` turns one after another,
 * and one that is large after at most `n` turns. The look-up of a turn ends after the time given here.
 */
import { UnusableSchema } from '../avro/schema.js';
import type { SchemaAsker, SchemaSource } from '../decode/schema-source.js';
import { Turns } from '../lib/turns.js';
import { MAX_ANSWER_BYTES } from './registry-answers.js';
import { MAX_REFERRED_CHARACTERS } from './schema-references.js';

/** Usual schemas that are looked up at a time, for all partitions. */
export const USUAL_TURNS = 16;

export interface LookUpLimits {
  /** Of the answer with the schema. */
  readonly maxBytes: number;
  /** Of all schemas that it refers to. */
  readonly maxCharacters: number;
  /** For the schema together with all schemas that it refers to. */
  readonly timeoutMs: number;
}

/**
 * A schema with a longer answer, or with more characters of references, is large: it is looked up again in another turn.
 * While it is checked, a parsed schema takes up to 20 bytes for each character.
 */
export const USUAL: LookUpLimits = { maxBytes: 64 * 1024, maxCharacters: 64 * 1024, timeoutMs: 10_000 };
export const LARGE: LookUpLimits = {
  maxBytes: MAX_ANSWER_BYTES,
  maxCharacters: MAX_REFERRED_CHARACTERS,
  timeoutMs: 30_000,
};

/** Asks the registry. @returns null if it does not have the id */
type LookUp = (id: number, limits: LookUpLimits) => Promise<object | null | 'too-large'>;

const TOO_LARGE = Symbol('too large');

export class SchemaTurns implements SchemaSource {
  readonly #usual = new Turns(USUAL_TURNS);
  readonly #large = new Turns(1);

  constructor(private readonly lookUp: LookUp) {}

  async withSchema<T>(id: number, asker: SchemaAsker, use: (schema: object | null) => T | Promise<T>): Promise<T> {
    // Neither callback may be an async function: its frame would keep the schema in memory until `use` has settled.
    const usual = await this.#usual.run(asker.name, () =>
      this.#lookUp(id, asker, USUAL).then((schema) => (schema === 'too-large' ? TOO_LARGE : use(schema))),
    );
    if (usual !== TOO_LARGE) return usual;
    return this.#large.run(asker.name, () =>
      this.#lookUp(id, asker, LARGE).then((schema) => use(schema === 'too-large' ? tooLarge() : schema)),
    );
  }

  async #lookUp(id: number, { signal }: SchemaAsker, limits: LookUpLimits): ReturnType<LookUp> {
    signal?.throwIfAborted();
    return this.lookUp(id, limits);
  }
}

function tooLarge(): UnusableSchema {
  return new UnusableSchema(`the schema has more than ${LARGE.maxBytes} bytes`);
}
