/** What the schemas of one batch cost, and which records wait for them. */
import { BatchDecoding, type SchemaWait, type ValueDecoder } from '../../../src/decode/batch-decoding.js';
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { ASK_AGAIN_MS, UNKNOWN_AFTER_MS } from '../../../src/decode/schema-denials.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import { HOUR_MS, MINUTE_MS } from '../../../src/lib/time-units.js';
import { SteppedClock } from '../../support/clocks.js';
import { notAborted } from './sync-events.js';
import { schemaSource } from '../../../testkit/schema-source.js';

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
/** The registry fails for these ids. */
let failing: ReadonlySet<number>;
let schemas: SchemaResolution<number>;

beforeEach(() => {
  clock = new SteppedClock();
  asked = [];
  compiled = 0;
  characters = 10;
  firstUnknown = UNKNOWN_ID;
  failing = new Set([DOWN]);
  schemas = new SchemaResolution({
    source: schemaSource((id) => {
      asked.push(id);
      if (failing.has(id)) return Promise.reject(new RegistryUnavailableError('down'));
      return Promise.resolve(id < firstUnknown ? { doc: 'x'.repeat(characters) } : null);
    }),
    clock,
    compile: () => ++compiled,
    knownId: KNOWN_ID,
  });
});

function begin(ids: readonly number[]): BatchDecoding<number, number, string> {
  return new BatchDecoding(schemas, ids, byId, 'test');
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

describe('while a batch waits until the registry answers for another id', () => {
  /** Tries for two hours, as a partition does. The registry fails for one id only. */
  async function waitFor(decoding: BatchDecoding<number, number, string>): Promise<void> {
    while (clock.now() < 2 * HOUR_MS) {
      await expect(decoding.next(notAborted())).rejects.toThrow(RegistryUnavailableError);
      await clock.delay(MINUTE_MS);
    }
  }

  test('an unknown id that is registered meanwhile is read', async () => {
    const decoding = begin([DOWN, UNKNOWN_ID, 7]);
    await waitFor(decoding);
    failing = new Set();
    firstUnknown = DOWN + 1; // also UNKNOWN_ID
    expect(await decoding.next(notAborted())).toEqual([`read ${DOWN}`, `read ${UNKNOWN_ID}`, 'read 7']);
  });

  test('an unknown id is asked for about once a minute, and not at all once its records are taken', async () => {
    const decoding = begin([UNKNOWN_ID, DOWN, UNKNOWN_ID + 1]);
    expect(await decoding.next(notAborted())).toEqual([`unknown ${UNKNOWN_ID}`]);
    decoding.take(1);
    asked.length = 0;
    await waitFor(decoding);
    const times = (id: number) => asked.filter((other) => other === id).length;
    expect(times(UNKNOWN_ID)).toBe(0);
    expect(times(UNKNOWN_ID + 1)).toBeGreaterThan(HOUR_MS / ASK_AGAIN_MS);
    expect(times(UNKNOWN_ID + 1)).toBeLessThanOrEqual((2 * HOUR_MS) / ASK_AGAIN_MS + 1);
  });

  test('if the registry no longer answers for an unknown id, its record waits', async () => {
    const decoding = begin([UNKNOWN_ID, DOWN]);
    expect(await decoding.next(notAborted())).toEqual([`unknown ${UNKNOWN_ID}`]);
    await clock.delay(ASK_AGAIN_MS);
    failing = new Set([DOWN, UNKNOWN_ID, KNOWN_ID]);
    await expect(decoding.next(notAborted())).rejects.toThrow(RegistryUnavailableError);
    failing = new Set([DOWN]);
    expect(await decoding.next(notAborted())).toEqual([`unknown ${UNKNOWN_ID}`]);
  });
});
