/** Avro schemas in the form that the readers use: names are resolved, and parts that reading ignores are left out. */

/** No value can be read with the schema: it is not Avro, or it exceeds the limits of parse-schema.ts. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/**
 * Stands for a schema that a registry has but that cannot be used, with the reason. Functions that take a schema accept
 * it too.
 */
export class UnusableSchema {
  constructor(readonly why: string) {}
}

/** A schema that uses types registered as subjects of their own. */
export class SchemaWithReferences {
  /**
   * @param references sorted so that each comes after those that it refers to
   * @param schema as parsed JSON
   */
  constructor(
    readonly references: readonly object[],
    readonly schema: object,
  ) {}
}

export type PrimitiveKind = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

export interface PrimitiveType {
  readonly kind: PrimitiveKind;
}

export interface ArrayType {
  readonly kind: 'array';
  items: AvroType;
}

export interface MapType {
  readonly kind: 'map';
  values: AvroType;
}

export interface UnionType {
  readonly kind: 'union';
  readonly branches: AvroType[];
}

/** Names are full names: with the namespace, if there is one. */
export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  readonly default: string | null;
}

export interface FixedType {
  readonly kind: 'fixed';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly size: number;
}

export interface RecordType {
  readonly kind: 'record';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fields: Field[];
}

export interface Field {
  readonly name: string;
  readonly aliases: readonly string[];
  type: AvroType;
  /** The default as JSON; undefined if the field has no default. Only a reader's default is ever used. */
  readonly default: unknown;
}

export type NamedType = EnumType | FixedType | RecordType;
export type AvroType = PrimitiveType | ArrayType | MapType | UnionType | NamedType;

/** The name without its namespace. */
export function shortName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

/** The type's name in messages. */
export function describeType(type: AvroType): string {
  return 'name' in type ? `${type.kind} ${shortName(type.name)}` : type.kind;
}
