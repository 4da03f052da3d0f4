/** Hostile schemas of some partitions must not delay the others for longer than the bounds of schema-turns.ts. */
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { COMPILING_MS_A_SECOND } from '../../../src/decode/kept-schemas.js';
import { LARGE, SchemaTurns, USUAL, USUAL_TURNS, type LookUpLimits } from '../../../src/registry/schema-turns.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';
import { notAborted } from '../decode/sync-events.js';

const HOSTILE_PARTITIONS = 11;
/** With the partition that waits. */
const ASKERS = HOSTILE_PARTITIONS + 1;
const SCHEMAS_EACH = 16;
const LATENCY_MS = 100;
const STEP_MS = 1_000;
const SMALL_ID = 1;
const LARGE_ID = 2;
const FIRST_HOSTILE_ID = 100;
const LARGE_SCHEMA = { doc: 'x'.repeat(USUAL.maxBytes + 1) };

let clock: ManualClock;
let compilingMs: number;
let compiledAt: { id: number; atMs: number }[];
let looked: number[];
/** The largest number of look-ups at a time. */
let most: { usual: number; large: number };
let schemas: SchemaResolution<number>;

/** Hostile schemas take as long as a look-up may take. */
async function lookUp(id: number, limits: LookUpLimits): Promise<object | 'too-large'> {
  looked.push(id);
  const size = limits === USUAL ? 'usual' : 'large';
  underWay[size]++;
  most[size] = Math.max(most[size], underWay[size]);
  await clock.delay(id >= FIRST_HOSTILE_ID ? limits.timeoutMs : LATENCY_MS);
  underWay[size]--;
  const isLarge = id === LARGE_ID || (id >= FIRST_HOSTILE_ID && hostileAreLarge);
  if (limits === USUAL && isLarge) return 'too-large';
  return { id, ...(isLarge ? LARGE_SCHEMA : {}) };
}

let underWay: { usual: number; large: number };
let hostileAreLarge: boolean;

beforeEach(() => {
  clock = new ManualClock();
  compilingMs = 0;
  compiledAt = [];
  looked = [];
  most = { usual: 0, large: 0 };
  underWay = { usual: 0, large: 0 };
  hostileAreLarge = true;
  let compiledMs = 0;
  const compile = (schema: object) => {
    const { id } = schema as { id: number };
    if (id >= FIRST_HOSTILE_ID) compiledMs += compilingMs;
    compiledAt.push({ id, atMs: clock.now() });
    return id;
  };
  schemas = new SchemaResolution({
    source: new SchemaTurns(lookUp),
    clock: {
      now: () => clock.now(),
      monotonicMs: () => clock.now() + compiledMs,
      delay: (ms, signal) => clock.delay(ms, signal),
    },
    compile,
    knownId: SMALL_ID,
  });
});

function search(partition: number, ids: readonly number[], signal = notAborted()): Promise<void> {
  return schemas.search(ids, `partition ${partition}`).advance(
    signal,
    () => false,
    () => undefined,
  );
}

/** Each hostile partition asks for its own schemas, all at once. */
function beginHostile(): { readonly controllers: readonly AbortController[]; readonly over: Promise<unknown> } {
  const controllers = Array.from({ length: HOSTILE_PARTITIONS }, () => new AbortController());
  const begun = controllers.map(({ signal }, partition) => {
    const first = FIRST_HOSTILE_ID + partition * SCHEMAS_EACH;
    const ids = Array.from({ length: SCHEMAS_EACH }, (_, i) => first + i);
    return search(partition, ids, signal);
  });
  return { controllers, over: Promise.allSettled(begun) };
}

/** @returns the simulated milliseconds until the partition has the schema */
async function msUntilFound(id: number): Promise<number> {
  const from = clock.now();
  let foundAt: number | null = null;
  void search(HOSTILE_PARTITIONS, [id]).then(() => (foundAt = clock.now()));
  while (foundAt === null) {
    await passTime(clock, STEP_MS);
    if (clock.now() > 10_000_000) throw new Error('not found');
  }
  return foundAt - from;
}

test('a small schema waits for one turn of the others, although they ask for many that are large and slow', async () => {
  beginHostile();
  const turns = Math.ceil(ASKERS / USUAL_TURNS);
  expect(await msUntilFound(SMALL_ID)).toBeLessThanOrEqual(turns * USUAL.timeoutMs + LATENCY_MS + 2 * STEP_MS);
});

test('a large schema waits for one turn of each other partition', async () => {
  beginHostile();
  const most = USUAL.timeoutMs + ASKERS * (LARGE.timeoutMs + 2 * STEP_MS);
  expect(await msUntilFound(LARGE_ID)).toBeLessThanOrEqual(most);
});

test('a small schema waits until one turn of each is paid for, not all that others have compiled', async () => {
  hostileAreLarge = false;
  compilingMs = 150;
  beginHostile();
  await passTime(clock, 60_000);
  const payMs = USUAL_TURNS * (compilingMs / COMPILING_MS_A_SECOND) * 1_000;
  expect(await msUntilFound(SMALL_ID)).toBeLessThanOrEqual(USUAL.timeoutMs + payMs + LATENCY_MS + 2 * STEP_MS);
});

test('no more than the limits are looked up and compiled at a time', async () => {
  compilingMs = 50;
  const { over } = beginHostile();
  let isOver = false;
  void over.then(() => (isOver = true));
  while (!isOver) await passTime(clock, 60_000);
  expect(most).toEqual({ usual: USUAL_TURNS, large: 1 });
  expect(compiledAt).toHaveLength(HOSTILE_PARTITIONS * SCHEMAS_EACH);
});

test('the schemas of a partition that was given up are not looked up', async () => {
  const { controllers, over } = beginHostile();
  await passTime(clock, STEP_MS);
  for (const controller of controllers) controller.abort();
  await over;
  expect(await msUntilFound(SMALL_ID)).toBeLessThanOrEqual(USUAL.timeoutMs + LATENCY_MS + 2 * STEP_MS);
  await passTime(clock, 200_000);
  expect(looked).toHaveLength(USUAL_TURNS + 1);
});
