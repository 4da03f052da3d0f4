/** The form of a reader's values in JavaScript. */
import { assertNever } from '../lib/assert-never.js';
import { MalformedValueError } from './checked-tap.js';
import { SchemaError, shortName, type AvroType, type RecordType } from './schema.js';

/** What a record becomes. Without a shape, a record becomes an object of all its fields. */
export interface RecordShape {
  /** The fields whose values `make` gets, in this order. Other fields are checked but not kept. */
  readonly used: readonly string[];
  /** The used texts that must be UTF-8, because different ids must stay different. */
  readonly ids?: readonly string[];
  make(this: void, ...values: readonly unknown[]): unknown;
}

/** Shapes by the record's name, without its namespace. */
export type RecordShapes = Readonly<Record<string, RecordShape>>;

/** The JavaScript form of a reader's values. */
export interface ValueShapes {
  readonly records: RecordShapes;
  /** Converts a long beyond 2^53 - 1. */
  readonly largeLong: (long: bigint) => unknown;
}

/** Objects of all fields, and longs as numbers: the values that JSON can represent. */
export const PLAIN_SHAPES: ValueShapes = {
  records: {},
  largeLong: (long) => {
    throw new MalformedValueError(`a long of ${long} is larger than ${Number.MAX_SAFE_INTEGER}`);
  },
};

/**
 * Checks that each record of a reader's schema has a shape, and that the schema has each field that a shape uses.
 *
 * @throws SchemaError for the first one that is missing
 */
export function checkShapes(type: AvroType, shapes: RecordShapes): void {
  const seen = new Set<AvroType>();
  const check = (part: AvroType): void => {
    if (seen.has(part)) return;
    seen.add(part);
    if (part.kind === 'union') part.branches.forEach(check);
    if (part.kind === 'array') check(part.items);
    if (part.kind === 'map') check(part.values);
    if (part.kind !== 'record') return;
    const shape = Object.hasOwn(shapes, shortName(part.name)) ? shapes[shortName(part.name)] : undefined;
    if (shape === undefined) throw new SchemaError(`record ${part.name} has no shape, so it cannot be read`);
    const missing = shape.used.find((used) => part.fields.every(({ name }) => name !== used));
    if (missing !== undefined)
      throw new SchemaError(`record ${part.name} has no field ${missing}, which its shape uses`);
    for (const field of part.fields) check(field.type);
  };
  check(type);
}

export interface ResolvedShape {
  /** The position of each used field among the arguments of `make`. */
  readonly places: ReadonlyMap<string, number>;
  readonly ids: readonly string[];
  readonly make: (...values: readonly unknown[]) => unknown;
}

export function shapeOf({ name, fields }: RecordType, shapes: RecordShapes): ResolvedShape {
  const shape = Object.hasOwn(shapes, shortName(name)) ? shapes[shortName(name)] : undefined;
  const used = shape?.used ?? fields.map((field) => field.name);
  const places = new Map(used.map((field, place) => [field, place]));
  return { places, ids: shape?.ids ?? [], make: shape?.make ?? objectOf(used) };
}

/** Builds an object; a field may have any name, even `__proto__`. */
function objectOf(names: readonly string[]): ResolvedShape['make'] {
  return (...values) => Object.fromEntries(names.map((name, place) => [name, values[place]]));
}

/**
 * The value of a default in a reader's schema.
 *
 * @throws SchemaError if it is not a value of the type
 */
export function defaultValue(type: AvroType, json: unknown, shapes: RecordShapes): unknown {
  switch (type.kind) {
    case 'null':
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
    case 'enum':
      return json;
    case 'bytes':
    case 'fixed':
      return Buffer.from(String(json), 'latin1');
    case 'union':
      return defaultValue(type.branches[0] as AvroType, json, shapes);
    case 'array':
      return (json as unknown[]).map((item) => defaultValue(type.items, item, shapes));
    case 'map': {
      const entries = Object.entries(json as object);
      return Object.fromEntries(entries.map(([key, value]) => [key, defaultValue(type.values, value, shapes)]));
    }
    case 'record': {
      const { places, make } = shapeOf(type, shapes);
      const values = new Array<unknown>(places.size).fill(undefined);
      for (const field of type.fields) {
        const fieldDefault = new Map<string, unknown>(Object.entries(json as object)).get(field.name) ?? field.default;
        if (fieldDefault === undefined) throw new SchemaError(`a default of ${type.name} has no field ${field.name}`);
        const place = places.get(field.name);
        if (place !== undefined) values[place] = defaultValue(field.type, fieldDefault, shapes);
      }
      return make(...values);
    }
    default:
      return assertNever(type);
  }
}
