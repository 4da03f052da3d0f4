/** What the schemas of one batch cost, and which records wait for them. */
import { BatchDecoding, type SchemaWait, type ValueDecoder } from '../../../src/decode/batch-decoding.js';
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { UNKNOWN_AFTER_MS } from '../../../src/decode/schema-denials.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import { SteppedClock } from '../../support/clocks.js';
import { notAborted } from './sync-events.js';

const KNOWN_ID = 1;
const UNKNOWN_ID = 404;
const DOWN = 503;

/** An item is the id of its schema. */
const byId: ValueDecoder<number, number, string> = {
  schemaIdOf: (id) => id,
  isRepair: () => false,
  decode: (id, _, schema) => (schema === undefined ? `unknown ${id}` : `read ${id}`),
};

let clock: SteppedClock;
let asked: number[];
let compiled: number;
let characters: number;
/** The ids from here on are unknown. */
let firstUnknown: number;
let schemas: SchemaResolution<number>;

beforeEach(() => {
  clock = new SteppedClock();
  asked = [];
  compiled = 0;
  characters = 10;
  firstUnknown = UNKNOWN_ID;
  schemas = new SchemaResolution({
    source: {
      schemaById: (id) => {
        asked.push(id);
        if (id === DOWN) return Promise.reject(new RegistryUnavailableError('down'));
        return Promise.resolve(id < firstUnknown ? { doc: 'x'.repeat(characters) } : null);
      },
    },
    clock,
    compile: () => ++compiled,
    knownId: KNOWN_ID,
  });
});

function begin(ids: readonly number[]): BatchDecoding<number, number, string> {
  return new BatchDecoding(schemas, ids, byId);
}

/** @returns the portions, and when each came */
async function portionsOf(ids: readonly number[]): Promise<{ size: number; atMs: number }[]> {
  const decoding = begin(ids);
  const portions = [];
  for (let taken = 0; taken < ids.length;) {
    const portion = await decoding.next(notAborted());
    expect(portion).toEqual(
      ids.slice(taken, taken + portion.length).map((id) => `${id < firstUnknown ? 'read' : 'unknown'} ${id}`),
    );
    decoding.take(portion.length);
    taken += portion.length;
    portions.push({ size: portion.length, atMs: clock.now() });
  }
  return portions;
}

test('a schema is requested and compiled once for a batch, even if too few schemas are kept for its records', async () => {
  characters = 900_000;
  const ids = Array.from({ length: 9_999 }, (_, i) => 10 + (i % 3));
  await portionsOf(ids);
  expect(asked).toEqual([10, 11, 12]);
  expect(compiled).toBe(3);
});

test('records whose schemas are known do not wait for a later id that may be unknown', async () => {
  await portionsOf([7]);
  const ids = [7, 7, 8, UNKNOWN_ID, 7, UNKNOWN_ID + 1, 8];
  expect(await portionsOf(ids)).toEqual([
    { size: 3, atMs: 0 },
    { size: 4, atMs: UNKNOWN_AFTER_MS },
  ]);
  expect(asked.filter((id) => id === 7)).toEqual([7]);
});

test('a batch of many ids that may be unknown is decided in portions, after 10 s in all', async () => {
  firstUnknown = 2;
  const ids = Array.from({ length: 10_000 }, (_, i) => 1_000 + i);
  const portions = await portionsOf(ids);
  expect(portions.length).toBeGreaterThanOrEqual(10);
  expect(portions.every(({ atMs }) => atMs === UNKNOWN_AFTER_MS)).toBe(true);
  expect(asked.length).toBeLessThan(2.1 * ids.length);
});

test('if the registry fails for a later record, those before it are decoded, and only it waits for the registry', async () => {
  const decoding = begin([7, 8, DOWN, 9]);
  expect(await decoding.next(notAborted())).toEqual(['read 7', 'read 8']);
  decoding.take(2);
  await expect(decoding.next(notAborted())).rejects.toThrow(RegistryUnavailableError);
  await expect(decoding.next(notAborted())).rejects.toThrow(RegistryUnavailableError);
  expect(asked.filter((id) => id !== DOWN)).toEqual([7, 8, 9]);
});

test('many large schemas of one batch are compiled in portions', async () => {
  characters = 900_000;
  const portions = await portionsOf(Array.from({ length: 60 }, (_, i) => 10 + i));
  expect(Math.max(...portions.map(({ size }) => size))).toBeLessThanOrEqual(16);
  expect(compiled).toBe(60);
});

test('the wait says which id it is for, and how many others there are', async () => {
  const waits: SchemaWait[] = [];
  await begin([7, UNKNOWN_ID, UNKNOWN_ID + 1, UNKNOWN_ID]).all(notAborted(), (wait) => waits.push(wait));
  expect(waits[0]).toEqual({ id: UNKNOWN_ID, count: 2, position: 1 });
});

test('without `take`, the same results come again; once denials are forgotten, without the unknown ones', async () => {
  const decoding = begin([7, UNKNOWN_ID]);
  expect(await decoding.all(notAborted())).toEqual(['read 7', `unknown ${UNKNOWN_ID}`]);
  firstUnknown = UNKNOWN_ID + 1;
  expect(await decoding.next(notAborted())).toEqual(['read 7', `unknown ${UNKNOWN_ID}`]);
  schemas.forgetDenials();
  expect(await decoding.all(notAborted())).toEqual(['read 7', `read ${UNKNOWN_ID}`]);
});
