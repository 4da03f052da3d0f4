/** The verdict of a soak: growth is noticed, noise and a warm-up are not. */
import { BOUNDS, FIGURES, judge, trendOf, type Figure, type Sample } from '../../../testkit/soak/flatness.js';
import { ListenerCount } from '../../../testkit/soak/listeners.js';
import { parseOptions } from '../../../testkit/soak/options.js';
import { bytesIn } from '../../../testkit/soak/observed-instance.js';
import { SeededRandom } from '../../../testkit/seeded-random.js';

const MINUTE_MS = 60_000;
const WARM_UP_MS = 5 * MINUTE_MS;
const RECORDS_A_MINUTE = 1_000;

/** 30 minutes of samples, one each 10 seconds, in which one figure has these values. */
function run(figure: Figure, valueAt: (minutes: number) => number | null): Sample[] {
  const others = Object.fromEntries(FIGURES.map((name) => [name, 100])) as Record<Figure, number>;
  return Array.from({ length: 181 }, (_, i) => {
    const minutes = i / 6;
    const figures = { ...others, [figure]: valueAt(minutes) };
    return { atMs: minutes * MINUTE_MS, records: minutes * RECORDS_A_MINUTE, orders: 0, figures };
  });
}

function growing(samples: readonly Sample[]): string[] {
  return judge(samples, WARM_UP_MS).flatMap(({ figure, isFlat }) => (isFlat ? [] : [figure]));
}

function allowedFor(figure: Figure): number {
  const { fixed, perRecord } = BOUNDS[figure];
  return fixed + perRecord * 25 * RECORDS_A_MINUTE;
}

test.each(FIGURES)('%s that grows by a tenth more than allowed is noticed, by a tenth less is not', (figure) => {
  const by = (share: number) => run(figure, (minutes) => 1_000 + (share * allowedFor(figure) * minutes) / 25);
  expect(growing(by(1.1))).toEqual([figure]);
  expect(growing(by(0.9))).toEqual([]);
});

test('noise, single peaks and the growth of the warm-up are not growth', () => {
  const random = new SeededRandom(1);
  const memory = run('resident memory', (minutes) => {
    const warm = minutes < 5 ? minutes * 50e6 : 250e6;
    return warm + random.next() * 80e6 + (random.chance(0.02) ? 400e6 : 0);
  });
  expect(growing(memory)).toEqual([]);
});

test('samples without a value are left out, and a run with hardly any proves nothing', () => {
  const known = run('heap after a collection', (minutes) => (Math.floor(minutes * 6) % 3 === 0 ? 5e6 : null));
  expect(growing(known)).toEqual([]);
  const unknown = run('heap after a collection', (minutes) => (minutes > 29 ? 5e6 : null));
  expect(() => judge(unknown, WARM_UP_MS)).toThrow('at least 10 are needed');
  expect(() => judge(known, 60 * MINUTE_MS)).toThrow('no sample after its warm-up');
});

test('the trend of a line is its slope', () => {
  expect(trendOf([0, 1, 2, 3].map((x) => ({ x, y: 3 * x + 1 })))).toBe(3);
});

test('listeners of abort signals are counted while the signals exist', () => {
  const listeners = new ListenerCount();
  const { signal } = new AbortController();
  const listener = (): void => undefined;
  signal.addEventListener('abort', listener);
  const before = listeners.abortListeners;
  signal.addEventListener('abort', () => undefined);
  expect(listeners.abortListeners).toBe(before + 1);
  signal.removeEventListener('abort', listener);
  expect(listeners.abortListeners).toBe(before);
  listeners.release();
});

test('the bytes of a folder are those of all files in it', () => {
  expect(bytesIn(__dirname)).toBeGreaterThan(1_000);
});

test.each([
  [['--minutes', '0'], 'above 0'],
  [['--minutes', '10', '--warm-up', '10'], 'less than --minutes'],
  [['--seed', 'x'], 'whole number'],
  [['--nonsense'], 'Unknown option'],
])('the options %j are refused', (argv, why) => {
  const options = parseOptions(argv);
  expect(options).toMatchObject({ kind: 'fault' });
  expect(JSON.stringify(options)).toContain(why);
});

test('a third of a short run is its warm-up', () => {
  expect(parseOptions(['--minutes', '12'])).toMatchObject({ kind: 'steady', warmUpMinutes: 4 });
  expect(parseOptions(['--idle-month'])).toMatchObject({ kind: 'idle', days: 30 });
});
