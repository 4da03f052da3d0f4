/**
 * Avro's schema resolution: reads values of a writer's type as a reader's type.
 *
 * It decides for each value, as Java Avro does. If a part of the writer's schema does not fit the reader's, it refuses
 * only the values that contain that part, with the reason.
 */
import { assertNever } from '../lib/assert-never.js';
import { MalformedValueError } from './checked-tap.js';
import { DISCARD, readId, readRecord, readString, type Read, type Step } from './record-steps.js';
import { defaultValue, shapeOf, type ValueShapes } from './record-shape.js';
import {
  describeType,
  shortName,
  type AvroType,
  type EnumType,
  type Field,
  type NamedType,
  type PrimitiveKind,
  type PrimitiveType,
  type RecordType,
  type UnionType,
} from './schema.js';
import { Skips } from './skip.js';

/** The reader's type of an id. */
const ID: PrimitiveType = { kind: 'string' };

export interface Resolution {
  readonly read: Read;
  /** Whether the reader's type accepts each value of the writer's type. */
  readonly acceptsAll: boolean;
}

/** For each kind of the writer, the other kinds that it can be read as. */
const PROMOTIONS: Partial<Readonly<Record<AvroType['kind'], readonly AvroType['kind'][]>>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
};

/** Resolves one writer's schema to one reader's. */
export class Resolver {
  readonly #shapes: ValueShapes;
  readonly #skips = new Skips();
  /** Resolutions so far. Records may contain themselves, and a schema may name one type thousands of times. */
  readonly #named = new Map<NamedType, Map<NamedType, Resolution>>();

  /** @param shapes the form of the reader's values */
  constructor(shapes: ValueShapes) {
    this.#shapes = shapes;
  }

  /** @param where the field that both types belong to, for messages */
  resolve(reader: AvroType, writer: AvroType, where: string): Resolution {
    if (writer.kind === 'union') return this.#writersUnion(reader, writer, where);
    if (reader.kind === 'union') {
      const branch = branchFor(reader, writer);
      return branch === null ? refusal(reader, writer, where) : this.resolve(branch, writer, where);
    }
    if (!fits(reader, writer)) return refusal(reader, writer, where);
    switch (reader.kind) {
      case 'array':
        return arrayOf(this.resolve(reader.items, (writer as typeof reader).items, where));
      case 'map':
        return mapOf(this.resolve(reader.values, (writer as typeof reader).values, where));
      case 'enum':
        return this.#once(reader, writer as EnumType, () => enumOf(reader, writer as EnumType, where));
      case 'fixed':
        return accepting((tap) => tap.readFixed(reader.size));
      case 'record':
        return this.#once(reader, writer as RecordType, () => this.#record(reader, writer as RecordType));
      case 'long':
        if (writer.kind === 'long') return this.#longs();
        return accepting((tap) => tap.readInt());
      case 'string':
        return accepting(reader === ID ? readId : readString);
      case 'null':
      case 'boolean':
      case 'int':
      case 'float':
      case 'double':
      case 'bytes':
        return accepting(primitive(reader.kind, writer.kind as PrimitiveKind));
      default:
        return assertNever(reader);
    }
  }

  #longs(): Resolution {
    const { largeLong } = this.#shapes;
    const read: Read = (tap) => {
      const long = tap.readLong();
      return typeof long === 'number' ? long : largeLong(long);
    };
    return accepting(read);
  }

  #writersUnion(reader: AvroType, writer: UnionType, where: string): Resolution {
    const branches = writer.branches.map((branch) => this.resolve(reader, branch, where));
    const reads = branches.map(({ read }) => read);
    return {
      read: (tap) => (reads[tap.readIndex(reads.length)] as Read)(tap),
      acceptsAll: branches.every(({ acceptsAll }) => acceptsAll),
    };
  }

  #once(reader: NamedType, writer: NamedType, resolve: () => Resolution): Resolution {
    const ofReader = this.#named.get(reader) ?? new Map<NamedType, Resolution>();
    this.#named.set(reader, ofReader);
    const known = ofReader.get(writer);
    if (known !== undefined) return known;
    // Until the types are resolved, a field of the same types uses this entry.
    ofReader.set(writer, { read: (tap) => resolved.read(tap), acceptsAll: false });
    const resolved = resolve();
    ofReader.set(writer, resolved);
    return resolved;
  }

  #record(reader: RecordType, writer: RecordType): Resolution {
    const { places, ids, make } = shapeOf(reader, this.#shapes.records);
    const sources = sourcesOf(reader, writer);
    const defaults = new Array<unknown>(places.size).fill(undefined);
    for (const field of reader.fields) {
      if ([...sources.values()].includes(field)) continue;
      if (field.default === undefined)
        return refusing(`${describeType(writer)} of the writer has no field ${field.name}, which has no default`);
      const place = places.get(field.name);
      if (place !== undefined) defaults[place] = defaultValue(field.type, field.default, this.#shapes.records);
    }
    let acceptsAll = true;
    const steps = writer.fields.map((field): Step => {
      const target = sources.get(field);
      if (target === undefined) return { read: this.#skips.of(field.type), place: DISCARD };
      const type = ids.includes(target.name) ? ID : target.type;
      const resolution = this.resolve(type, field.type, `${shortName(reader.name)}.${target.name}`);
      acceptsAll &&= resolution.acceptsAll;
      const place = places.get(target.name);
      if (place !== undefined) return { read: resolution.read, place };
      // The field is not used, but its value must fit our schema anyway.
      return { read: resolution.acceptsAll ? this.#skips.of(field.type) : resolution.read, place: DISCARD };
    });
    return { read: readRecord(steps, defaults, make), acceptsAll };
  }
}

/** The reader's field for each field of the writer: by name, otherwise by an alias of the reader. */
function sourcesOf(reader: RecordType, writer: RecordType): ReadonlyMap<Field, Field> {
  const byName = new Map(writer.fields.map((field) => [field.name, field]));
  const sources = new Map<Field, Field>();
  for (const field of reader.fields) {
    const name = [field.name, ...field.aliases].find((candidate) => byName.has(candidate));
    const source = name === undefined ? undefined : byName.get(name);
    if (source !== undefined && !sources.has(source)) sources.set(source, field);
  }
  return sources;
}

/** The reader's branch for a writer's type: the same type if there is one, otherwise the first that can read it. */
function branchFor({ branches }: UnionType, writer: AvroType): AvroType | null {
  const same = branches.filter((branch) => branch.kind === writer.kind && fits(branch, writer));
  const fullName = same.find((branch) => 'name' in branch && 'name' in writer && branch.name === writer.name);
  return fullName ?? same[0] ?? branches.find((branch) => fits(branch, writer)) ?? null;
}

/** Whether values of the writer's type can be read as the reader's, apart from their content. */
function fits(reader: AvroType, writer: AvroType): boolean {
  if (reader.kind !== writer.kind) return PROMOTIONS[writer.kind]?.includes(reader.kind) === true;
  if (reader.kind === 'fixed' && writer.kind === 'fixed' && reader.size !== writer.size) return false;
  return !('name' in reader) || namesFit(reader, writer as NamedType);
}

/** Compares names without their namespaces: a producer's own namespace does not make another type. */
function namesFit(reader: NamedType, writer: NamedType): boolean {
  const name = shortName(writer.name);
  return shortName(reader.name) === name || reader.aliases.some((alias) => shortName(alias) === name);
}

function accepting(read: Read): Resolution {
  return { read, acceptsAll: true };
}

function refusal(reader: AvroType, writer: AvroType, where: string): Resolution {
  const subject = reader.kind === 'union' ? `${where} is of a kind unknown to this version: ` : `${where}: `;
  const wanted = reader.kind === 'union' ? reader.branches.map(describeType).join(' or ') : describeType(reader);
  return refusing(`${subject}${describeType(writer)} cannot be read as ${wanted}`);
}

function refusing(why: string): Resolution {
  return {
    read: () => {
      throw new MalformedValueError(why);
    },
    acceptsAll: false,
  };
}

function arrayOf({ read, acceptsAll }: Resolution): Resolution {
  const readArray: Read = (tap) => {
    const items: unknown[] = [];
    for (let count = tap.readItemCount(); count > 0; count = tap.readItemCount())
      for (let i = 0; i < count; i++) items.push(read(tap));
    return items;
  };
  return { read: readArray, acceptsAll };
}

/** Reads a map; a key may be any text, even `__proto__`. */
function mapOf({ read, acceptsAll }: Resolution): Resolution {
  const entries = arrayOf({ read: (tap) => [tap.readString(), read(tap)], acceptsAll });
  return { read: (tap) => Object.fromEntries(entries.read(tap) as [string, unknown][]), acceptsAll };
}

function enumOf(reader: EnumType, writer: EnumType, where: string): Resolution {
  const known = new Set(reader.symbols);
  const symbols = writer.symbols.map((symbol) => (known.has(symbol) ? symbol : reader.default));
  const read: Read = (tap) => {
    const index = tap.readIndex(symbols.length);
    const symbol = symbols[index] as string | null;
    if (symbol === null)
      throw new MalformedValueError(`${where}: ${writer.symbols[index]} is not a symbol that company-sync knows`);
    return symbol;
  };
  return { read, acceptsAll: !symbols.includes(null) };
}

function primitive(reader: Exclude<PrimitiveKind, 'long' | 'string'>, writer: PrimitiveKind): Read {
  switch (reader) {
    case 'null':
      return () => null;
    case 'boolean':
      return (tap) => tap.readBoolean();
    case 'int':
      return (tap) => tap.readInt();
    case 'float':
      return writer === 'float' ? (tap) => tap.readFloat() : (tap) => Math.fround(Number(tap.readLong()));
    case 'double':
      if (writer === 'double') return (tap) => tap.readDouble();
      return writer === 'float' ? (tap) => tap.readFloat() : (tap) => Number(tap.readLong());
    case 'bytes':
      return (tap) => tap.readBytes();
    default:
      return assertNever(reader);
  }
}
