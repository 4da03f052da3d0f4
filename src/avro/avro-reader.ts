/**
 * The only way to read Avro values. Reading a value costs no more than its length allows, even if a hostile program
 * wrote the value or its schema.
 */
import { CheckedTap, MalformedValueError } from './checked-tap.js';
import { FRAME_BYTES } from './framing.js';
import { parseSchema } from './parse-schema.js';
import { PLAIN_SHAPES, type ValueShapes } from './record-shape.js';
import type { Read } from './record-steps.js';
import { Resolver } from './resolution.js';
import { SchemaError, type AvroType } from './schema.js';
import { reasonOf } from '../lib/reason-of.js';

/** A registered schema, parsed once for any number of readers. */
export class WriterSchema {
  /** The type; or why no value can be read with the schema. */
  readonly parsed: AvroType | SchemaError;

  /** @param registered as returned by a registry: parsed JSON, SchemaWithReferences or UnusableSchema */
  constructor(registered: object) {
    this.parsed = parsedOrFault(registered);
  }
}

/** Reads values as one schema of ours, whatever schema they were written with. */
export class AvroReader<T> {
  readonly #type: AvroType;
  readonly #shapes: ValueShapes;
  readonly #tap: CheckedTap;

  /**
   * @param schema ours, as parsed JSON; T is the result that it and `shapes` produce, which nothing checks
   * @param maxItems the most array and map items of one value that are kept
   * @throws SchemaError
   */
  constructor(schema: object, shapes: ValueShapes = PLAIN_SHAPES, maxItems?: number) {
    this.#type = parseSchema(schema);
    this.#shapes = shapes;
    this.#tap = new CheckedTap(maxItems);
  }

  /**
   * Prepares reading values of a writer's schema. If the schema cannot be used, none of its values can be read.
   *
   * @param writer as WriterSchema takes it, or already parsed
   */
  of(writer: object): ValueReader<T> {
    const { parsed } = writer instanceof WriterSchema ? writer : new WriterSchema(writer);
    return new ValueReader(this.#readOf(parsed), this.#tap);
  }

  #readOf(writer: AvroType | SchemaError): Read {
    if (writer instanceof SchemaError) return refusing(writer.message);
    try {
      const where = 'name' in this.#type ? this.#type.name : this.#type.kind;
      return new Resolver(this.#shapes).resolve(this.#type, writer, where).read;
    } catch (error) {
      return refusing(whyMalformed(error));
    }
  }
}

function parsedOrFault(registered: object): AvroType | SchemaError {
  try {
    return parseSchema(registered);
  } catch (error) {
    return new SchemaError(whyMalformed(error));
  }
}

function refusing(why: string): Read {
  return () => {
    throw new SchemaError(why);
  };
}

/** Reads values of one writer's schema. */
export class ValueReader<T> {
  readonly #read: Read;
  readonly #tap: CheckedTap;

  constructor(read: Read, tap: CheckedTap) {
    this.#read = read;
    this.#tap = tap;
  }

  /**
   * Reads one value. The result contains no slice of `framed`.
   *
   * @param framed a value behind a schema id (framing.ts); the id is not checked
   * @param expected the bytes of a text that the value probably contains; no second string is made for that text
   * @param expectedText that text
   * @throws MalformedValueError, SchemaError, with the reason why this value cannot be read
   */
  read(framed: Buffer, expected?: Buffer, expectedText?: string): T {
    const tap = this.#tap;
    tap.start(framed, FRAME_BYTES, expected, expectedText);
    try {
      const value = this.#read(tap);
      tap.finish();
      return value as T;
    } catch (error) {
      if (error instanceof MalformedValueError || error instanceof SchemaError) throw error;
      throw new MalformedValueError(whyMalformed(error), { cause: error });
    }
  }
}

function whyMalformed(error: unknown): string {
  // A value within all limits can still fail for one reason: the stack of this process is exhausted.
  if (error instanceof RangeError) return 'its types are nested too deeply';
  return reasonOf(error);
}
