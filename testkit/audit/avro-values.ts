import avro from 'avsc';
import { mustFitItsLength } from '../../examples/webhook-dispatcher/avro-budget.js';

/** The result of reading the bytes of a value. If several faults apply, the first one counts. */
export type ReadValue =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'bad-framing' | 'unknown-schema' | 'undecodable'; readonly why: string };

/** The registered schema of each id; null if the registry does not have the id. */
export type RegisteredSchemas = ReadonlyMap<number, object | null>;

const MAGIC_BYTE = 0;
const FRAME_BYTES = 5;

/** Longs become bigint, because a double cannot hold all revisions exactly. */
const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** avsc compiles code for each type. A simulation audits thousands of runs with the same schemas. */
const TYPES = new WeakMap<object, avro.Type>();

function typeOf(schema: object): avro.Type {
  const known = TYPES.get(schema);
  if (known !== undefined) return known;
  const type = avro.Type.forSchema(schema as avro.Schema, { registry: { long: longType } });
  TYPES.set(schema, type);
  return type;
}

/** By the reader's type and the writer's. They cost as much as the types. */
const RESOLVERS = new WeakMap<avro.Type, WeakMap<avro.Type, object>>();

/** @throws Error if values of `writer` cannot be read as `reader` */
function resolverOf(reader: avro.Type, writer: avro.Type): object {
  const resolvers = RESOLVERS.get(reader) ?? new WeakMap<avro.Type, object>();
  RESOLVERS.set(reader, resolvers);
  const resolver = resolvers.get(writer) ?? reader.createResolver(writer);
  resolvers.set(writer, resolver);
  return resolver;
}

/** The schema id of a framed value; null if the framing is wrong. */
export function schemaIdOf(value: Buffer | null): number | null {
  if (value === null || value.length < FRAME_BYTES || value[0] !== MAGIC_BYTE) return null;
  return value.readInt32BE(1);
}

/** Reads framed values with the schema of the repository, whatever registered schema they were written with. */
export class AvroValues {
  readonly #reader: avro.Type;
  readonly #registered: RegisteredSchemas;
  readonly #readers = new Map<number, ((value: Buffer) => unknown) | Error>();

  constructor(reader: object, registered: RegisteredSchemas) {
    this.#reader = typeOf(reader);
    this.#registered = registered;
  }

  read(value: Buffer | null): ReadValue {
    const id = schemaIdOf(value);
    if (value === null || id === null) return { kind: 'bad-framing', why: 'no magic byte and schema id' };
    const schema = this.#registered.get(id) ?? null;
    if (schema === null) return { kind: 'unknown-schema', why: `the registry has no schema ${id}` };
    const reader = this.#readerOf(id, schema);
    if (reader instanceof Error) return { kind: 'undecodable', why: reader.message };
    try {
      return { kind: 'value', value: reader(value.subarray(FRAME_BYTES)) };
    } catch (error) {
      return { kind: 'undecodable', why: (error as Error).message };
    }
  }

  #readerOf(id: number, schema: object): ((value: Buffer) => unknown) | Error {
    let reader = this.#readers.get(id);
    if (reader === undefined) {
      reader = this.#createReader(schema);
      this.#readers.set(id, reader);
    }
    return reader;
  }

  #createReader(schema: object): ((value: Buffer) => unknown) | Error {
    try {
      const type = typeOf(schema);
      const resolver = resolverOf(this.#reader, type);
      return (value) => {
        mustFitItsLength(type, value);
        return this.#reader.fromBuffer(value, resolver) as unknown;
      };
    } catch (error) {
      return new Error('the schema does not resolve', { cause: error });
    }
  }
}
