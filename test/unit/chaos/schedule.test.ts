/** The faults of a chaos run: the same for a seed, at least one of each kind, and never two broken brokers. */
import { parseOptions, replayCommand, type ChaosOptions } from '../../../testkit/chaos/options.js';
import { FAULT_KINDS, KINDS, laneOf, planOf, type Plan } from '../../../testkit/chaos/schedule.js';

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

function plan(seed: number, seconds = 60): Plan {
  return planOf({ seed, seconds, kinds: FAULT_KINDS });
}

test('a seed always gives the same plan, and another seed another plan', () => {
  for (const seed of SEEDS) expect(plan(seed)).toEqual(plan(seed));
  expect(new Set(SEEDS.map((seed) => JSON.stringify(plan(seed)))).size).toBe(SEEDS.length);
});

test('seeds give one to four instances, with and without standbys, and faults in both orders', () => {
  const plans = SEEDS.map((seed) => plan(seed));
  expect(new Set(plans.map(({ instances }) => instances))).toEqual(new Set([1, 2, 3, 4]));
  expect(new Set(plans.map(({ standbys }) => standbys))).toEqual(new Set([0, 1]));
  expect(new Set(plans.map(({ isOverlapping }) => isOverlapping))).toEqual(new Set([true, false]));
});

test('ten minutes have every kind of fault, within the time, on processes that exist', () => {
  for (const seed of SEEDS) {
    const { faults, instances } = plan(seed, 600);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    const wrong = faults.filter(({ kind, atMs, forMs, target }) => {
      const { on, lasts } = KINDS[kind];
      const exists = target >= 0 && target < { instance: instances, broker: 3, registry: 1 }[on];
      return atMs >= 600_000 || forMs < lasts[0] || forMs > lasts[1] || !exists;
    });
    expect(wrong).toEqual([]);
  }
});

test('a process gets a fault only after its last one is healed, and brokers take turns', () => {
  for (const seed of SEEDS) {
    const { faults, isOverlapping } = plan(seed, 600);
    const freeAt = new Map<string, number>();
    const early = faults.filter((fault) => {
      const lane = isOverlapping ? laneOf(fault) : 'all';
      const isEarly = fault.atMs < (freeAt.get(lane) ?? 0);
      freeAt.set(lane, fault.atMs + fault.forMs + KINDS[fault.kind].healsMs);
      return isEarly;
    });
    expect(early).toEqual([]);
  }
  expect(laneOf({ kind: 'broker killed', target: 0 })).toBe(laneOf({ kind: 'brokers rolled', target: 2 }));
});

test('faults overlap only if the plan says so', () => {
  for (const seed of SEEDS) {
    const { faults, isOverlapping } = plan(seed, 600);
    const overlaps = faults.some(({ atMs }, at) => at > 0 && atMs < faults[at - 1]!.atMs + faults[at - 1]!.forMs);
    expect(overlaps).toBe(isOverlapping);
  }
});

test('only the chosen kinds happen', () => {
  const { faults } = planOf({ seed: 1, seconds: 60, kinds: ['broker killed'] });
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['broker killed']));
});

test('the command that a failed run prints gives the same options', () => {
  for (const args of [
    ['--seed', '7'],
    ['--seed=3', '--seconds=90', '--kafka=3.9.1', '--fault', 'state lost'],
  ]) {
    const options = parseOptions(args, 0) as ChaosOptions;
    const words = replayCommand(options).match(/'[^']*'|\S+/g) as string[];
    const typed = words.slice(words.indexOf('--') + 1).map((word) => word.replaceAll("'", ''));
    expect(parseOptions(typed, 1)).toEqual(options);
  }
});

test.each([
  [['--seconds', '0'], '--seconds takes a number above 0'],
  [['--seed', 'x'], '--seed takes a whole number from 0 on'],
  [['--seed', ''], '--seed takes a whole number from 0 on'],
  [['--kafka', '1.0'], '--kafka takes one of 3.9.1, 4.0.2, 4.2.2, 4.3.1, 4.4.0'],
  [['--fault', 'nothing'], '--fault takes one of: instance killed'],
  [['--what'], '`npm run chaos -- --help` prints the options'],
])('%j is refused', (args, message) => {
  const options = parseOptions(args, 1);
  expect(options.kind === 'wrong' ? options.message : '').toContain(message);
});
