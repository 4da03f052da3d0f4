/**
 * Values and schemas that try to cost more than their length allows: each is refused within the limit, with the reason.
 */
import { AvroReader } from '../../../src/avro/avro-reader.js';
import { MAX_KEPT_ITEMS, MAX_PARTS, MAX_RECORD_DEPTH } from '../../../src/avro/checked-tap.js';
import { MAX_SCHEMA_DEPTH, MAX_SCHEMA_PARTS } from '../../../src/avro/parse-schema.js';
import { longestKeyIn } from '../../support/longest-key.js';
import { framed, varint } from '../decode/sync-events.js';

/** A limit in milliseconds for work of a few milliseconds, on a busy machine. Work without a bound takes minutes. */
const LIMIT_MS = 10_000;

function record(name: string, ...types: readonly unknown[]): object {
  return { type: 'record', name, fields: types.map((type, i) => ({ name: `f${i}`, type })) };
}

function array(items: unknown): object {
  return { type: 'array', items };
}

/** The reason why the value is refused. Fails if that takes long. */
function refusalOf(reader: object, writer: object, bytes: Buffer): string {
  const startedAt = performance.now();
  let why = 'it was read';
  try {
    new AvroReader(reader).of(writer).read(framed(1, bytes));
  } catch (error) {
    why = (error as Error).message;
  }
  expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
  return why;
}

/** Blocks of `each` items, as many as `count`. */
function blocks(count: number, each: bigint, item: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => Buffer.concat([varint(each), item])));
}

test('a list whose items take far more memory than bytes is refused before it is read, and skipped if it is not used', () => {
  const texts = (count: number) => Buffer.concat([varint(BigInt(count)), Buffer.alloc(count + 1)]);
  const lists = record('R', array('string'));
  expect(refusalOf(lists, lists, texts(MAX_KEPT_ITEMS))).toBe('it was read');
  expect(refusalOf(lists, lists, texts(MAX_KEPT_ITEMS + 1))).toBe(`it has more than ${MAX_KEPT_ITEMS} items`);
  expect(refusalOf(record('R'), lists, texts(MAX_KEPT_ITEMS + 1))).toBe('it was read');
});

const EMPTY = { type: 'record', name: 'Empty', fields: [] };
const WIDE = record('Wide', ...Array.from({ length: 5_000 }, () => 'null'));

describe.each([
  ['read', (type: unknown) => [record('R', type), record('R', type)] as const],
  ['passed over', (type: unknown) => [record('R'), record('R', type)] as const],
])('a value that is %s', (_how, schemasFor) => {
  function refusal(type: unknown, bytes: Buffer): string {
    const [reader, writer] = schemasFor(type);
    return refusalOf(reader, writer, bytes);
  }

  test.each<[string, unknown]>([
    ['nulls', 'null'],
    ['empty records', EMPTY],
    ['records of nulls', WIDE],
    ['fixed of no bytes', { type: 'fixed', name: 'None', size: 0 }],
  ])('a block of billions of %s in a few bytes', (_what, items) => {
    expect(refusal(array(items), varint(3_000_000_000n))).toContain('does not fit the value');
  });

  test('many blocks, each with as many nulls as a value may have', () => {
    expect(refusal(array('null'), blocks(100_000, 10_000n))).toMatch(/does not fit the value|more than 1000000 items/);
  });

  test('arrays of nulls inside of arrays', () => {
    const inner = Buffer.concat([varint(9_000n), varint(0n)]);
    expect(
      refusal(array(array('null')), Buffer.concat([varint(9_000n), ...Array<Buffer>(9_000).fill(inner)])),
    ).toContain('does not fit the value');
  });

  test('an array of thousands of records of thousands of nulls', () => {
    expect(refusal(array(WIDE), varint(9_000n))).toContain('does not fit the value');
  });

  test('a map that claims billions of entries', () => {
    expect(refusal({ type: 'map', values: 'null' }, varint(3_000_000_000n))).toContain('does not fit the value');
  });

  test('a record that holds the next one twice, and so on', () => {
    const twice = (n: number): unknown => (n === 0 ? EMPTY : record(`R${n}`, twice(n - 1), `R${n - 1}`));
    const top = { ...(twice(40) as object) };
    const named = JSON.parse(JSON.stringify(top).replaceAll('"R0"', '"Empty"')) as object;

    expect(refusal(named, Buffer.alloc(0))).toContain('does not fit the value');
  });

  test('a list of endless depth', () => {
    const list = record('List', ['null', 'List']);

    expect(refusal(list, Buffer.alloc(900_000, 2))).toContain(`more than ${MAX_RECORD_DEPTH} records`);
  });

  test('a text longer than the value', () => {
    expect(refusal('string', varint(2n ** 40n))).toContain('truncated');
    expect(refusal('bytes', varint(2n ** 62n))).toContain('truncated');
    expect(refusal({ type: 'fixed', name: 'Large', size: 2 ** 40 }, Buffer.alloc(8))).toContain('truncated');
  });
});

describe('a value whose length would allow more parts than any value may have', () => {
  const tooMany = `it has more than ${MAX_PARTS} items and fields`;
  const padding = Buffer.alloc(MAX_PARTS / 4);

  test.each<[string, unknown, number]>([
    ['nulls', 'null', 1],
    ['empty records', EMPTY, 2],
    ['fixed of no bytes', { type: 'fixed', name: 'None', size: 0 }, 1],
    ['arrays of nulls', array('null'), 1],
  ])('is refused: %s', (_what, items, partsOfEach) => {
    const count = BigInt(Math.floor(MAX_PARTS / partsOfEach) + 1);
    const value = Buffer.concat([varint(count), padding]);
    expect(refusalOf(record('R'), record('R', array(items)), value)).toBe(tooMany);
  });

  test('is refused if each item takes a byte', () => {
    const bytes = Buffer.concat([varint(BigInt(MAX_PARTS)), Buffer.alloc(MAX_PARTS + 1)]);
    expect(refusalOf(record('R'), record('R', array('int')), bytes)).toBe(tooMany);
  });

  test('is read up to the limit', () => {
    const nulls = record('Item', ...Array.from({ length: 4_998 }, () => 'null')); // 5,000 parts with the item and the record
    const value = (count: number) => Buffer.concat([varint(BigInt(count)), varint(0n), padding]);
    const items = MAX_PARTS / 5_000;
    expect(refusalOf(record('R'), record('R', array(nulls)), value(items))).toBe(tooMany); // The outer record has two.
    const leftOver = `${padding.length} bytes are left over`;
    expect(refusalOf(record('R'), record('R', array(nulls)), value(items - 1))).toBe(leftOver);
  });

  test('is read if it is a manifest of as many datasets as may be kept, each with five fields more than today', () => {
    const dataset = record('Dataset', ...Array.from({ length: 7 }, () => 'null'));
    const value = Buffer.concat([varint(BigInt(MAX_KEPT_ITEMS)), varint(0n), padding]);
    const leftOver = `${padding.length} bytes are left over`;
    expect(refusalOf(record('R'), record('R', array(dataset)), value)).toBe(leftOver);
  });
});

describe('an array of very many blocks', () => {
  const value = Buffer.concat([blocks(450_000, 1n, varint(1n)), varint(0n)]);

  test.each([
    ['is read', record('R', array('int'))],
    ['is passed over', record('R')],
  ])('%s in time that grows with its length', (_how, reader) => {
    expect(refusalOf(reader, record('R', array('int')), value)).toBe('it was read');
  });

  test('with sizes, is skipped', () => {
    const block = Buffer.concat([varint(-1n), varint(1n), varint(1n)]);
    const sized = Buffer.concat([...Array<Buffer>(300_000).fill(block), varint(0n)]);

    expect(refusalOf(record('R'), record('R', array('int')), sized)).toBe('it was read');
  });
});

describe('valid values that take no bytes', () => {
  test.each([
    ['a thousand nulls', array('null'), 1_000],
    ['a thousand empty records', array(EMPTY), 1_000],
  ])('%s are read', (_what, type, count) => {
    const bytes = Buffer.concat([varint(BigInt(count)), varint(0n)]);
    const read = new AvroReader<{ f0: unknown[] }>(record('R', type)).of(record('R', type)).read(framed(1, bytes));

    expect(read.f0).toHaveLength(count);
  });
});

describe('a schema', () => {
  const reader = record('R', 'int');
  const one = Buffer.from([2]);

  test('of 100,000 fields', () => {
    const wide = record('R', ...Array.from({ length: 100_000 }, () => 'int'));
    expect(refusalOf(reader, wide, one)).toContain(`more than ${MAX_SCHEMA_PARTS} types, fields`);
  });

  test.each<[string, (name: string) => object]>([
    ['a name', (name) => ({ ...reader, name })],
    ['a namespace', (name) => ({ ...reader, namespace: name.slice(1) })],
    ['the namespace of an inner type', (name) => record('R', { ...EMPTY, namespace: name.slice(0, -5) })],
    ['a name used', (name) => record('R', name)],
    ['an alias', (name) => ({ ...reader, aliases: [name] })],
    ['a name of a field', (name) => ({ ...reader, fields: [{ name, type: 'int' }] })],
  ])('whose names are long: %s', (_what, schemaWith) => {
    const refused = 'and at most 1024 are allowed';
    expect(refusalOf(reader, schemaWith('n'.repeat(1_025)), one)).toContain(refused);
    expect(refusalOf(reader, schemaWith('n'.repeat(1_024)), one)).not.toContain(refused);
    const schema = schemaWith('n'.repeat(20_000));
    expect(longestKeyIn(() => refusalOf(reader, schema, one))).toBeLessThanOrEqual(1_024);
  });

  test('of 100,000 symbols, branches or aliases', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `S${i}`);
    const too = `more than ${MAX_SCHEMA_PARTS} types, fields`;
    expect(refusalOf(reader, record('R', { type: 'enum', name: 'E', symbols: names }), one)).toContain(too);
    expect(refusalOf(reader, record('R', Array(100_000).fill('null')), one)).toContain(too);
    expect(refusalOf(reader, { ...reader, aliases: names }, one)).toContain(too);
  });

  test.each<[string, (inner: unknown) => unknown]>([
    ['arrays', array],
    ['wrapped types', (type) => ({ type })],
  ])('of a hundred thousand %s inside each other', (_what, wrap) => {
    let deep: unknown = 'int';
    for (let i = 0; i < 100_000; i++) deep = wrap(deep);
    expect(refusalOf(reader, record('R', deep), one)).toContain(`nests more than ${MAX_SCHEMA_DEPTH} types`);
  });

  test('of thousands of records, each holding the former', () => {
    const types: unknown[] = [record('N0', 'int')];
    for (let i = 1; i < 3_000; i++) types.push(record(`N${i}`, `N${i - 1}`));
    const used = record('R', 'int', ['null', ...types], 'N2999');
    expect(refusalOf(reader, used, Buffer.from([2, 0, 2]))).toContain('records are nested');
  });

  test('that names one large enum thousands of times', () => {
    const large = { type: 'enum', name: 'E', symbols: Array.from({ length: 4_000 }, (_, i) => `S${i}`) };
    const own = record('R', { type: 'array', items: { type: 'enum', name: 'E', symbols: ['S0'] } });
    const branches = [array(large), ...Array<object>(2_500).fill(array('E'))];
    expect(refusalOf(own, record('R', branches), Buffer.from([0, 2, 0, 0]))).toBe('it was read');
  });

  test('that contains only itself', () => {
    const loop = record('R', 'R');
    expect(refusalOf(reader, loop, one)).toContain('cannot be read as int');
    expect(refusalOf(record('R'), loop, one)).toContain('records are nested');
    expect(refusalOf(reader, { type: { type: 'R' } }, one)).toContain('not defined');
  });
});
