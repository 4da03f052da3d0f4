/** A seed that failed is shrunk to the faults and records that it needs, and the smaller case can be replayed. */
import { SeededRandom } from '../../../testkit/seeded-random.js';
import { ddmin } from '../../../testkit/simulation/ddmin.js';
import { runSeed as runInstances } from '../../../testkit/simulation/instances/run-seed.js';
import { formatLeftOut, NOTHING, parseLeftOut, rangesOf } from '../../../testkit/simulation/left-out.js';
import { historyOf, planRecords, type PlannedRecord } from '../../../testkit/simulation/pipeline/history.js';
import { runSeed as runPipeline } from '../../../testkit/simulation/pipeline/run-seed.js';
import { PIPELINE_FAULTS } from '../../../testkit/simulation/planted/pipeline-faults.js';
import { withPlanted } from '../../../testkit/simulation/planted/plant.js';
import { kindOf } from '../../../testkit/simulation/shrink.js';

const HUNDRED = Array.from({ length: 100 }, (_, i) => i + 1);

describe('ddmin', () => {
  test.each([
    [[1]],
    [[100]],
    [[3, 97]],
    [[50, 51]],
    [[1, 33, 34, 80, 100]],
    [HUNDRED.slice(40, 60)],
    [HUNDRED.slice(1)],
  ])('finds exactly what is needed: %j', async (needed) => {
    const kept = await ddmin(HUNDRED, (part) => Promise.resolve(needed.every((item) => part.includes(item))));
    expect(kept).toEqual(needed);
  });

  test('keeps nothing if nothing is needed, after one try', async () => {
    let tries = 0;
    expect(await ddmin(HUNDRED, () => Promise.resolve(++tries > 0))).toEqual([]);
    expect(tries).toBe(1);
  });

  test('of two causes, keeps one', async () => {
    const fails = (part: readonly number[]) => part.includes(20) || (part.includes(70) && part.includes(90));
    expect(await ddmin(HUNDRED, (part) => Promise.resolve(fails(part)))).toEqual([20]);
  });

  test('keeps all items, in few tries, if each is needed', async () => {
    let tries = 0;
    const kept = await ddmin(HUNDRED, (part) => Promise.resolve(++tries < 0 || part.length === HUNDRED.length));
    expect(kept).toEqual(HUNDRED);
    expect(tries).toBeLessThan(5 * HUNDRED.length);
  });

  test('gets few items out of many in few tries', async () => {
    let tries = 0;
    await ddmin(HUNDRED, (part) => Promise.resolve(++tries > 0 && part.includes(31) && part.includes(66)));
    expect(tries).toBeLessThan(70);
  });

  test('has nothing to try without items', async () => {
    expect(await ddmin([], () => Promise.reject(new Error('asked')))).toEqual([]);
  });
});

describe('the text of what is left out', () => {
  test.each(['faults 3,7; records 10-40', 'faults 0', 'records 1-2,5,9-12', ''])(
    '%j is read as it was written',
    (text) => {
      const leftOut = text === '' ? NOTHING : parseLeftOut(text);
      expect(leftOut === null ? null : formatLeftOut(leftOut)).toBe(text);
    },
  );

  test.each([
    '',
    'faults',
    'faults x',
    'faults 1,',
    'faults 3-1',
    'fault 1',
    'records 1; ',
    'records -1',
    'records 12345678901',
  ])('%j is refused', (text) => {
    expect(parseLeftOut(text)).toBeNull();
  });

  test('numbers in a row become ranges', () => {
    expect(rangesOf([1, 2, 3, 5, 8, 9])).toEqual([
      [1, 3],
      [5, 5],
      [8, 9],
    ]);
    expect(rangesOf([])).toEqual([]);
  });
});

test.each([
  ['missing: company-1: nothing was announced\n    more: lines', 'missing'],
  ["stuck: the group's offset is 3", 'stuck'],
  ['stuck\n    partition 0: offset 3 of 4', 'stuck'],
  ['instance-1, partition 2: state: the disk and the changelog differ in row "C"', 'state'],
  ['instance-0.2 has 3 timers left', 'has # timers left'],
  ['a fault of the program: Error: at line 3', 'a fault of the program'],
])('the kind of %j is %j', (anomaly, kind) => {
  expect(kindOf(anomaly)).toBe(kind);
});

test('a record keeps its number and its time if others are left out', () => {
  const plan = (without: string) => {
    const random = new SeededRandom(7);
    return planRecords(random, historyOf(random, 0), 10_000, parseLeftOut(without) ?? NOTHING, 100);
  };
  const timesOf = (records: PlannedRecord[]) => records.map(({ number, afterMs }) => ({ number, afterMs }));
  const whole = timesOf(plan(''));
  const numbers = whole.map(({ number }) => number);
  expect(numbers).toEqual(numbers.map((_, i) => 101 + i));
  const part = timesOf(plan('records 1-3,102,104-106'));
  expect(part).toEqual(whole.filter(({ number }) => ![102, 104, 105, 106].includes(number)));
});

const FAULT = /^ *([\d.]+ ms) +FAULT +(\d+: .*)/;
const RECORD = /^ *[\d.]+ ms +platform +writes record (\d+)/;
const SIMULATIONS = [
  ['the pipeline', runPipeline, 1],
  ['whole instances', runInstances, 101],
] as const;

describe.each(SIMULATIONS)('%s', (_, run, firstSeed) => {
  /** Each fault with its time. */
  async function happenedIn(seed: number, without: string): Promise<{ faults: string[]; records: number[] }> {
    const { trace } = await run(seed, { isTraced: true, leftOut: parseLeftOut(without) ?? NOTHING });
    const lines = trace ?? [];
    return {
      faults: lines.flatMap((line) => FAULT.exec(line)?.slice(1).join(' ') ?? []),
      records: lines.flatMap((line) => RECORD.exec(line)?.[1] ?? []).map(Number),
    };
  }

  async function seedWithFaults(): Promise<number> {
    for (let seed = firstSeed; ; seed++) if ((await run(seed)).plan.faults.length >= 5) return seed;
  }

  test('a run that leaves out nothing is the same run', async () => {
    const { plan, ...whole } = await run(firstSeed, { isTraced: true });
    const other = await run(firstSeed, {
      isTraced: true,
      leftOut: parseLeftOut('faults 9000-9999; records 9000-9999')!,
    });
    expect(other).toEqual({ plan, ...whole });
  });

  test('a run that leaves out some has all others with their number, kind and time', async () => {
    const seed = await seedWithFaults();
    const whole = await happenedIn(seed, '');
    const part = await happenedIn(seed, 'faults 2-3; records 2-4');
    expect(part.faults).toEqual(whole.faults.filter((line) => !/ms [23]:/.test(line)));
    expect(part.faults.length).toBe(whole.faults.length - 2);
    const ascending = (numbers: number[]) => numbers.toSorted((a, b) => a - b);
    expect(ascending(part.records)).toEqual(ascending(whole.records).filter((number) => number < 2 || number > 4));
    expect(part.records.length).toBe(whole.records.length - 3);
  });

  test('a run that leaves out all is right', async () => {
    const { anomalies, records } = await run(firstSeed, { leftOut: parseLeftOut('faults 0-9999; records 1-9999')! });
    expect({ anomalies, records }).toEqual({ anomalies: [], records: 0 });
  });
});

test('a planted fault is shrunk, and the smaller case fails again', async () => {
  const fault = PIPELINE_FAULTS.find(({ name }) => name === 'a seal is ignored');
  await withPlanted('.', fault!, async (runSearch) => {
    const output = await runSearch(['--pipeline', '--seeds', '50', '--shrink']);
    const shrunk = /^seed (\d+) SHRUNK to (\d+) of (\d+) faults and (\d+) of (\d+) records/m.exec(output) ?? [];
    const [seed, faults, allFaults, records, allRecords] = shrunk.slice(1);
    expect(Number(records)).toBeLessThan(Number(allRecords) / 4);
    expect(Number(faults)).toBeLessThanOrEqual(Number(allFaults));
    const without = /--without '([^']+)' --trace/.exec(output)?.[1];
    const replay = await runSearch([
      '--pipeline',
      '--seeds',
      '1',
      '--from',
      String(seed),
      '--without',
      String(without),
    ]);
    expect(replay).toContain(`seed ${seed} FAILED after 1 seeds`);
    expect(replay).toContain(
      output
        .split('SHRUNK')[1]
        ?.split('\n')
        .find((line) => line.startsWith('early')) ?? 'no anomaly',
    );
  });
}, 120_000);
