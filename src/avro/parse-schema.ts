/**
 * Turns registered schemas into AvroTypes.
 *
 * Anyone who may register a schema may register a hostile one, so the work for one schema is limited. Reading ignores a
 * writer's defaults, docs, orders and logical types. So a fault in them makes no value unreadable.
 */
import {
  SchemaError,
  SchemaWithReferences,
  UnusableSchema,
  type AvroType,
  type Field,
  type NamedType,
  type PrimitiveKind,
} from './schema.js';
import { foreignJson } from '../lib/foreign-text.js';

/**
 * Types, fields, symbols and aliases of one schema: about ten times the largest that people write. `npm run
 * bench:costs`: 1 to 2 ms.
 */
export const MAX_SCHEMA_PARTS = 10_000;
/** The largest depth of nested types in the text of a schema. The stack allows some thousands. */
export const MAX_SCHEMA_DEPTH = 200;
/**
 * Characters of a name together with its namespace, and of a field's name. Without the limit, a long namespace would be
 * copied into each name. Also, a Map compares long names of equal length one by one.
 */
export const MAX_NAME_CHARACTERS = 1_024;
const MAX_QUOTED_CHARACTERS = 80;

const PRIMITIVES: ReadonlySet<string> = new Set<PrimitiveKind>([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

/** Receives a type when it is known: a schema may use a name before its definition. */
type Put = (type: AvroType) => void;

interface UnresolvedName {
  readonly name: string;
  readonly namespace: string;
  readonly put: Put;
}

type Json = Readonly<Record<string, unknown>>;

/** @throws SchemaError */
export function parseSchema(registered: object): AvroType {
  const parser = new SchemaParser();
  if (!(registered instanceof SchemaWithReferences)) return parser.parse([registered]);
  return parser.parse([...registered.references, registered.schema]);
}

class SchemaParser {
  readonly #named = new Map<string, NamedType>();
  readonly #unresolved: UnresolvedName[] = [];
  #parts = 0;

  /** Parses the schemas; each may use the names that the others define. @returns the last one */
  parse(schemas: readonly unknown[]): AvroType {
    let last = null as AvroType | null;
    for (const schema of schemas) {
      if (schema instanceof UnusableSchema) throw new SchemaError(schema.why);
      this.#take(schema, '', 0, (type) => (last = type));
    }
    for (const { name, namespace, put } of this.#unresolved) {
      const type = this.#find(name, namespace);
      if (type === undefined) throw new SchemaError(`its type ${quoted(name)} is not defined`);
      put(type);
    }
    if (last === null) throw new SchemaError('the schema is only the name of a type');
    return last;
  }

  #take(schema: unknown, namespace: string, depth: number, put: Put): void {
    this.#count(1);
    if (depth > MAX_SCHEMA_DEPTH) throw new SchemaError(`the schema nests more than ${MAX_SCHEMA_DEPTH} types`);
    if (typeof schema === 'string') this.#takeName(schema, namespace, put);
    else if (Array.isArray(schema)) this.#takeUnion(schema, namespace, depth, put);
    else if (isObject(schema)) this.#takeObject(schema, namespace, depth, put);
    else throw new SchemaError(`${quoted(schema)} is not a type`);
  }

  #takeName(name: string, namespace: string, put: Put): void {
    checkLength(name);
    const type = PRIMITIVES.has(name) ? { kind: name as PrimitiveKind } : this.#find(name, namespace);
    if (type !== undefined) put(type);
    else this.#unresolved.push({ name, namespace, put });
  }

  #find(name: string, namespace: string): NamedType | undefined {
    return this.#named.get(fullNameOf(name, namespace)) ?? this.#named.get(name);
  }

  #takeUnion(schemas: readonly unknown[], namespace: string, depth: number, put: Put): void {
    const branches: AvroType[] = [];
    put({ kind: 'union', branches });
    schemas.forEach((schema, index) => {
      if (Array.isArray(schema)) throw new SchemaError('a union directly contains a union');
      this.#take(schema, namespace, depth + 1, (type) => (branches[index] = type));
    });
  }

  #takeObject(schema: Json, namespace: string, depth: number, put: Put): void {
    const { type } = schema;
    switch (type) {
      case 'array': {
        const array = { kind: 'array', items: UNSET } as const;
        put(array);
        return this.#take(schema['items'], namespace, depth + 1, (items) => Object.assign(array, { items }));
      }
      case 'map': {
        const map = { kind: 'map', values: UNSET } as const;
        put(map);
        return this.#take(schema['values'], namespace, depth + 1, (values) => Object.assign(map, { values }));
      }
      case 'enum':
        return put(this.#define(this.#enumOf(schema, namespace)));
      case 'fixed':
        return put(this.#define(this.#fixedOf(schema, namespace)));
      case 'record':
      case 'error':
        return this.#takeRecord(schema, namespace, depth, put);
      default:
        return this.#take(type, namespace, depth + 1, put);
    }
  }

  #takeRecord(schema: Json, enclosing: string, depth: number, put: Put): void {
    const { name, namespace } = nameOf(schema, enclosing);
    const fields: Field[] = [];
    put(this.#define({ kind: 'record', name, aliases: this.#aliasesOf(schema, namespace), fields }));
    const names = new Set<string>();
    for (const field of listOf(schema, 'fields')) {
      if (!isObject(field) || typeof field['name'] !== 'string')
        throw new SchemaError(`record ${quoted(name)} has a field without a name`);
      checkLength(field['name']);
      if (names.has(field['name']))
        throw new SchemaError(`record ${quoted(name)} has field ${quoted(field['name'])} twice`);
      names.add(field['name']);
      const aliases = this.#stringsOf(field, 'aliases');
      const parsed: Field = { name: field['name'], aliases, type: UNSET, default: field['default'] };
      fields.push(parsed);
      this.#take(field['type'], namespace, depth + 1, (type) => (parsed.type = type));
    }
  }

  #enumOf(schema: Json, enclosing: string): NamedType {
    const { name, namespace } = nameOf(schema, enclosing);
    const symbols = this.#stringsOf({ symbols: listOf(schema, 'symbols') }, 'symbols');
    const otherwise = typeof schema['default'] === 'string' ? schema['default'] : null;
    return { kind: 'enum', name, aliases: this.#aliasesOf(schema, namespace), symbols, default: otherwise };
  }

  #fixedOf(schema: Json, enclosing: string): NamedType {
    const { name, namespace } = nameOf(schema, enclosing);
    const { size } = schema;
    if (!Number.isSafeInteger(size) || (size as number) < 0)
      throw new SchemaError(
        `the size of fixed type ${quoted(name)} is ${quoted(size)}, but it must be a whole number, 0 or more`,
      );
    return { kind: 'fixed', name, aliases: this.#aliasesOf(schema, namespace), size: size as number };
  }

  #define(type: NamedType): NamedType {
    if (this.#named.has(type.name)) throw new SchemaError(`its type ${quoted(type.name)} is defined twice`);
    this.#named.set(type.name, type);
    return type;
  }

  #aliasesOf(schema: Json, namespace: string): readonly string[] {
    return this.#stringsOf(schema, 'aliases').map((alias) => fullNameOf(alias, namespace));
  }

  #stringsOf(schema: Json, attribute: string): readonly string[] {
    const list = schema[attribute];
    if (list === undefined) return [];
    if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
      throw new SchemaError(`its ${attribute} ${quoted(list)} are not a list of names`);
    this.#count(list.length);
    return list;
  }

  #count(parts: number): void {
    this.#parts += parts;
    if (this.#parts > MAX_SCHEMA_PARTS)
      throw new SchemaError(`the schema has more than ${MAX_SCHEMA_PARTS} types, fields, symbols and aliases`);
  }
}

/** A placeholder for a type that is set before anything is read. */
const UNSET: AvroType = { kind: 'null' };

function nameOf(schema: Json, enclosing: string): { readonly name: string; readonly namespace: string } {
  const { name } = schema;
  if (typeof name !== 'string') throw new SchemaError(`a ${String(schema['type'])} has no name`);
  const dot = name.lastIndexOf('.');
  if (dot !== -1) return { name: fullNameOf(name, ''), namespace: name.slice(0, dot) };
  const namespace = typeof schema['namespace'] === 'string' ? schema['namespace'] : enclosing;
  return { name: fullNameOf(name, namespace), namespace };
}

function fullNameOf(name: string, namespace: string): string {
  const isFull = namespace === '' || name.includes('.');
  checkLength(name, isFull ? '' : namespace);
  return isFull ? name : `${namespace}.${name}`;
}

/** @throws SchemaError if a name and its namespace are too long together */
function checkLength(name: string, namespace = ''): void {
  const characters = name.length + namespace.length;
  if (characters > MAX_NAME_CHARACTERS)
    throw new SchemaError(
      `its name ${quoted(name)} has ${characters} characters with its namespace, and at most ${MAX_NAME_CHARACTERS} ` +
        'are allowed',
    );
}

function listOf(schema: Json, attribute: string): readonly unknown[] {
  const list = schema[attribute];
  if (!Array.isArray(list)) throw new SchemaError(`a ${String(schema['type'])} has no list of ${attribute}`);
  return list;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quoted(value: unknown): string {
  const text = foreignJson(value);
  return text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
}
