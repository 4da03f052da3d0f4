/**
 * Avro's schema resolution, against Java Avro 1.12.1: written-by-java.json has what Java wrote and what Java reads of it.
 * To write it again after a change of cases.json, in test/support/java-avro:
 *
 *   mvn -q dependency:build-classpath -Dmdep.outputFile=/tmp/classpath
 *   java -cp "$(cat /tmp/classpath)" WriteValues.java cases.json ../../unit/avro/written-by-java.json
 *   npx prettier --write ../../unit/avro/written-by-java.json
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AvroReader } from '../../../src/avro/avro-reader.js';
import { SchemaWithReferences, UnusableSchema } from '../../../src/avro/schema.js';
import { framed, varint } from '../decode/sync-events.js';

interface JavaCase {
  readonly name: string;
  readonly writer: object;
  readonly reader: object;
  readonly bytes: string;
  readonly read?: unknown;
  readonly refused?: string;
}

const cases = JSON.parse(readFileSync(join(__dirname, 'written-by-java.json'), 'utf8')) as readonly JavaCase[];

function read(reader: object, writer: object, bytes: Buffer): unknown {
  const exact = { records: {}, largeLong: (long: bigint) => long };
  return new AvroReader(reader, exact).of(writer).read(framed(1, bytes));
}

/** The form in which WriteValues.java writes values that JSON cannot represent. */
function inJavaWords(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { bytes: value.toString('hex') };
  if (typeof value === 'bigint') return { long: String(value) };
  if (Array.isArray(value)) return value.map(inJavaWords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inJavaWords(item)]));
}

test('values written by Java', () => {
  expect(cases.length).toBeGreaterThan(100);
  expect(cases.filter(({ refused }) => refused !== undefined).length).toBeGreaterThan(10);
});

test.each(cases.filter(({ refused }) => refused === undefined).map((java) => [java.name, java] as const))(
  'is read as Java reads it: %s',
  (_name, java) => {
    expect(inJavaWords(read(java.reader, java.writer, Buffer.from(java.bytes, 'hex')))).toEqual(java.read);
  },
);

test.each(cases.filter(({ refused }) => refused !== undefined).map((java) => [java.name, java] as const))(
  'is refused, as by Java: %s',
  (_name, java) => {
    expect(() => read(java.reader, java.writer, Buffer.from(java.bytes, 'hex'))).toThrow(
      /cannot be read as|no field|not a symbol/,
    );
  },
);

describe('a schema', () => {
  const record = (name: string, type: unknown) => ({ type: 'record', name, fields: [{ name: 'f', type }] });

  test('may use a type before it is defined, or one of the schemas that it refers to', () => {
    const thing = { type: 'record', name: 'shared.Thing', fields: [{ name: 'x', type: 'int' }] };
    const before = record('R', { type: 'record', name: 'In', fields: [{ name: 'x', type: 'int' }] });
    const later = { ...before, fields: [{ name: 'other', type: ['null', 'In'] }, ...before.fields] };

    expect(read(before, later, Buffer.from([0, 4]))).toEqual({ f: { x: 2 } });
    expect(
      read(
        record('R', { ...thing, name: 'Thing' }),
        new SchemaWithReferences([thing], record('R', 'shared.Thing')),
        varint(3n),
      ),
    ).toEqual({ f: { x: 3 } });
  });

  test.each<[string, object, string]>([
    ['a type that is not defined', record('R', 'Elsewhere'), 'not defined'],
    ['a name defined twice', record('R', [record('A', 'int'), record('A', 'int')]), 'defined twice'],
    ['a union in a union', record('R', ['null', ['int']]), 'union'],
    ['no fields', { type: 'record', name: 'R' }, 'no list of fields'],
    ['a fixed of negative size', record('R', { type: 'fixed', name: 'F', size: -1 }), 'size'],
    ['null', record('R', null), 'not a type'],
    ['one that the registry cannot give', new UnusableSchema('it is Protobuf'), 'it is Protobuf'],
  ])('that cannot be used, such as %s, refuses its values with the reason', (_what, writer, why) => {
    const reader = new AvroReader(record('R', 'string')).of(writer);

    expect(() => reader.read(framed(1, Buffer.from([0])))).toThrow(why);
  });
});

test('a field and a key may be called __proto__', () => {
  const map = { type: 'map', values: 'int' };
  const record = { type: 'record', name: 'R', fields: [{ name: '__proto__', type: map }] };
  const key = Buffer.concat([varint(9n), Buffer.from('__proto__')]);
  const value = read(record, record, Buffer.concat([varint(1n), key, varint(5n), varint(0n)]));

  expect(Object.getOwnPropertyNames(value)).toEqual(['__proto__']);
  expect(JSON.stringify(value)).toBe('{"__proto__":{"__proto__":5}}');
});

test('a long beyond 2^53 is refused if a number is wanted', () => {
  const reader = new AvroReader({ type: 'long' });

  expect(() => reader.of({ type: 'long' }).read(framed(1, varint(2n ** 62n)))).toThrow('is larger than');
});
