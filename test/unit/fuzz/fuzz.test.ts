/** The fuzzer itself: it must find what targets forbid, and nothing else. */
import { execute } from '../../../testkit/fuzz/execute.js';
import { fuzz } from '../../../testkit/fuzz/fuzz.js';
import { minimise } from '../../../testkit/fuzz/minimise.js';
import { mutate } from '../../../testkit/fuzz/mutate.js';
import { parseOptions } from '../../../testkit/fuzz/options.js';
import { MIB, type FuzzTarget, type OpenTarget } from '../../../testkit/fuzz/target.js';
import { SeededRandom } from '../../../testkit/seeded-random.js';

const SEED = 5;
const MAGIC = Buffer.from('magic');

function targetThat(run: OpenTarget['run'], more: Partial<FuzzTarget> = {}): FuzzTarget {
  return {
    name: 'test',
    input: 'anything',
    mayThrow: ['RangeError'],
    maxMs: 1_000,
    maxBytes: { fixed: 4 * MIB, perByte: 100 },
    maxInputBytes: 200,
    tokens: [MAGIC],
    samples: () => new Map(),
    open: () => ({ run }),
    ...more,
  };
}

async function judged(run: OpenTarget['run'], more: Partial<FuzzTarget> = {}): Promise<string | null> {
  const target = targetThat(run, more);
  return (await execute(target, await target.open(), Buffer.alloc(10)))?.kind ?? null;
}

describe('an input is a finding', () => {
  test('if it throws an error that the target does not name, at once or later', async () => {
    const fails = (): never => {
      throw new TypeError('x is undefined');
    };
    expect(await judged(fails)).toMatch(/^TypeError/);
    expect(await judged(() => Promise.resolve().then(fails))).toMatch(/^TypeError/);
    expect(await judged(fails, { mayThrow: ['TypeError'] })).toBeNull();
  });

  test('if it takes too long each time', async () => {
    const takes = (ms: number) => () => {
      for (const until = performance.now() + ms; performance.now() < until;);
    };
    expect(await judged(takes(30), { maxMs: 20 })).toBe('time');
    expect(await judged(takes(5), { maxMs: 1_000 })).toBeNull();
  });

  test('if it allocates too much, in the heap or outside', async () => {
    expect(await judged(() => Buffer.alloc(8 * MIB))).toBe('memory');
    expect(await judged(() => Array.from({ length: MIB }, (_, i) => ({ i })))).toBe('memory');
    expect(await judged(() => Buffer.alloc(MIB))).toBeNull();
  });

  test('if it changes its own bytes', async () => {
    expect(await judged((input) => input.fill(1))).toBe('input');
  });
});

test('a fault behind a text is found, and its input is made as small as it can be', async () => {
  const target = targetThat((input) => {
    if (input.includes(MAGIC)) throw new TypeError('found');
  });
  const { failure } = await fuzz(target, await target.open(), [Buffer.alloc(50, 'x')], {
    seed: SEED,
    maxRuns: 20_000,
    maxMs: Infinity,
  });
  expect(failure?.input.toString()).toBe('magic');
});

test('the same seed makes the same inputs', async () => {
  const inputsOf = async (seed: number) => {
    const inputs: string[] = [];
    const target = targetThat((input) => void inputs.push(input.toString('hex')));
    await fuzz(target, await target.open(), [MAGIC], { seed, maxRuns: 200, maxMs: Infinity });
    return inputs;
  };
  const inputs = await inputsOf(SEED);
  expect(new Set(inputs).size).toBeGreaterThan(100);
  expect(await inputsOf(SEED)).toEqual(inputs);
  expect(await inputsOf(SEED + 1)).not.toEqual(inputs);
});

test('a changed input has no more bytes than allowed, and leaves its base alone', () => {
  const random = new SeededRandom(SEED);
  const base = Buffer.alloc(100, 'a');
  for (let left = 5_000; left > 0; left--)
    expect(mutate(base, 120, { random, tokens: [MAGIC], other: base }).length).toBeLessThanOrEqual(120);
  expect(base.equals(Buffer.alloc(100, 'a'))).toBe(true);
});

test('an input is made smaller only while it fails', async () => {
  const fails = (input: Buffer) => Promise.resolve(input.includes(7) && input.length >= 3);
  const smallest = await minimise(Buffer.from([1, 2, 3, 7, 9, 9, 9, 9]), fails);
  expect(smallest).toHaveLength(3);
  expect(await fails(smallest)).toBe(true);
});

test.each([
  [['--target', 'nothing'], 'is not one of a, b'],
  [['--seconds', '0'], 'above 0'],
  [['--input', 'x'], 'needs one --target'],
  [['--nonsense'], 'Unknown option'],
])('the options %j are refused', (argv, why) => {
  const options = parseOptions(argv, ['a', 'b']);
  expect(options).toMatchObject({ kind: 'fault' });
  expect(JSON.stringify(options)).toContain(why);
});

test('--runs alone has no limit of time', () => {
  expect(parseOptions(['--runs', '5', '--seed', '3'], ['a'])).toMatchObject({ runs: 5, seconds: Infinity, seed: 3 });
});
