/** The faults of a chaos run: the same for a seed, at least one of each kind, and never two broken brokers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOptions, replayCommand, type ChaosOptions, type MatrixOptions } from '../../../testkit/chaos/options.js';
import { FAULT_KINDS, KINDS, lanesOf, planOf, type Plan } from '../../../testkit/chaos/schedule.js';

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
    const possible = FAULT_KINDS.filter((kind) => instances > 1 || kind !== 'swapped state');
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(possible));
    const targets = { instance: instances, 'two instances': instances, broker: 3, registry: 1, 'client id': 1 };
    const wrong = faults.filter(({ kind, atMs, forMs, target }) => {
      const { on, lasts } = KINDS[kind];
      const exists = target >= 0 && target < targets[on];
      return atMs >= 600_000 || forMs < lasts[0] || forMs > lasts[1] || !exists;
    });
    expect(wrong).toEqual([]);
  }
});

test('a process gets a fault only after its last one is healed, and brokers take turns', () => {
  for (const seed of SEEDS) {
    const { faults, isOverlapping, instances } = plan(seed, 600);
    const freeAt = new Map<string, number>();
    const early = faults.filter((fault) => {
      const lanes = isOverlapping ? lanesOf(fault, instances) : ['all'];
      const isEarly = lanes.some((lane) => fault.atMs < (freeAt.get(lane) ?? 0));
      for (const lane of lanes) freeAt.set(lane, fault.atMs + fault.forMs + KINDS[fault.kind].healsMs);
      return isEarly;
    });
    expect(early).toEqual([]);
  }
  expect(lanesOf({ kind: 'broker killed', target: 0 }, 3)).toEqual(lanesOf({ kind: 'broker cut off', target: 2 }, 3));
});

test('two instances that swap their state have no other fault, and are never the same', () => {
  expect(lanesOf({ kind: 'swapped state', target: 2 }, 3)).toEqual([
    ...lanesOf({ kind: 'disk full', target: 2 }, 3),
    ...lanesOf({ kind: 'instance killed', target: 0 }, 3),
  ]);
  for (const seed of SEEDS)
    expect(planOf({ seed, seconds: 60, kinds: ['swapped state'] }).instances).toBeGreaterThan(1);
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

test('the run of CI has every kind of fault but one', () => {
  const script = readFileSync(join(__dirname, '..', '..', '..', '.ci', 'run'), 'utf8');
  const [, args = ''] = /chaos\/main\.ts (.*)/.exec(script) ?? [];
  const { faults } = planOf(parseOptions(args.split(' '), 0) as ChaosOptions);
  const kinds = new Set(faults.map(({ kind }) => kind));
  expect(FAULT_KINDS.filter((kind) => !kinds.has(kind))).toEqual(['brokers rolled']);
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

test('a matrix has one run with each release, and each run another seed', () => {
  const { runs } = parseOptions(['--matrix', '--seed', '7', '--seconds', '90'], 0) as MatrixOptions;
  expect(runs.map(({ kafka, seed, seconds }) => [kafka, seed, seconds])).toEqual(
    ['3.9.1', '4.0.2', '4.2.2', '4.3.1', '4.4.0'].map((kafka, nth) => [kafka, 7 + nth, 90]),
  );
});

test.each([
  [['--matrix', '--kafka', '4.3.1'], '--matrix has all releases'],
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
