/** When brokers and registry count as unreachable, and where that is reported. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ASK_EVERY_MS, DependencyWatch, UNREACHABLE_AFTER_MS } from '../../../src/ops/dependency-watch.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';

type Answer = () => Promise<unknown>;
const well: Answer = () => Promise.resolve();
const down =
  (why: string): Answer =>
  () =>
    Promise.reject(new Error(why));
const hanging: Answer = () => new Promise(() => undefined);

const ANSWERING = { brokers: well, 'schema-registry': well };
let clock: ManualClock;
let brokers: Answer;
let watch: DependencyWatch;
let registry: Registry;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = new ManualClock();
  brokers = well;
  registry = new Registry();
  stop = new AbortController();
  const ask = { brokers: () => brokers(), 'schema-registry': well };
  watch = new DependencyWatch({ clock, logger: pino({ level: 'silent' }), ask });
  watch.register(registry);
  running = watch.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
});

async function upSeries(): Promise<string[]> {
  return [...(await registry.metrics()).matchAll(/^company_sync_dependency_up\{dependency="(.*)"\} (.)$/gm)].map(
    ([, name, value]) => `${name} ${value}`,
  );
}

test('nothing is reported before the first answer, and an answer is reported at once', async () => {
  const registryOfOther = new Registry();
  const other = new DependencyWatch({ clock, logger: pino({ level: 'silent' }), ask: ANSWERING });
  other.register(registryOfOther);
  expect(other.isReachable('brokers')).toBeNull();
  expect(await registryOfOther.metrics()).not.toMatch(/^company_sync_dependency_up\{/m);
  expect(await upSeries()).toEqual(['brokers 1', 'schema-registry 1']);
});

test.each([
  ['refuse', down('connect ECONNREFUSED'), 'connect ECONNREFUSED'],
  ['hang', hanging, 'no answer within 5 s'],
])('brokers that %s are unreachable within 30 s, since the first request without an answer', async (_, how, cause) => {
  await passTime(clock, 1_000);
  brokers = how;
  await passTime(clock, UNREACHABLE_AFTER_MS - 1_000);
  expect(watch.isReachable('brokers')).toBe(true);
  await passTime(clock, 16_000);
  const state = watch.states()[0];
  expect(state).toMatchObject({ dependency: 'brokers', reachable: false, cause });
  expect(Date.parse(state?.unreachableSince ?? '')).toBeLessThan(15_000);
  expect(await upSeries()).toEqual(['brokers 0', 'schema-registry 1']);
});

test('the cause is that of the last request, and one answer ends the outage', async () => {
  brokers = down('one');
  await passTime(clock, 40_000);
  brokers = down('another');
  await passTime(clock, 2 * ASK_EVERY_MS);
  expect(watch.states()[0]?.cause).toBe('another');
  brokers = well;
  await passTime(clock, ASK_EVERY_MS + 1_000);
  expect(watch.states()[0]).toEqual({ dependency: 'brokers', reachable: true, unreachableSince: null, cause: null });
});
