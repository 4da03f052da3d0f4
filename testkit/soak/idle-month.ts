/**
 * A month without records, in simulated time: a whole instance, with kafkajs, behind a hanging transaction of the input.
 * Heap, timers, connections and listeners must stay flat.
 */
import { heapInUse } from '../heap.js';
import { SeededRandom } from '../seeded-random.js';
import { inWorld } from '../simulation/instances/in-world.js';
import { Instance } from '../simulation/instances/instance.js';
import { Platform } from '../simulation/instances/platform.js';
import { TOPICS } from '../simulation/instances/topics.js';
import { World } from '../simulation/instances/world.js';
import { choicesOf } from '../simulation/pipeline/history.js';
import { trendOf } from './flatness.js';
import { ListenerCount } from './listeners.js';
import type { IdleOptions } from './options.js';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SAMPLES = 60;
/** Part of the samples: until then caches, compiled code and buffers reach their size. */
const WARM_UP_SHARE = 1 / 4;
const STARTED_MS = 600_000;
const PARTITIONS = 1;

/** What may be more at the end than after the warm-up, whatever the number of days. */
const ALLOWED = { heap: 1.5 * MIB, timers: 4, connections: 2, 'abort listeners': 4 } as const;
type Figure = keyof typeof ALLOWED;

interface Sample {
  readonly atMs: number;
  readonly figures: Readonly<Record<Figure, number>>;
}

/** @returns whether everything stayed flat */
export async function idle({ days, seed }: IdleOptions, say: (line: string) => void): Promise<boolean> {
  const startedAt = process.hrtime.bigint();
  const world = new World(seed, PARTITIONS, false);
  const listeners = new ListenerCount();
  const samples = await inWorld(world, () => live(world, days, listeners, say)).finally(() => listeners.release());
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  say(`${days} days in ${seconds.toFixed(0)} s, ${world.time.steps} steps`);
  for (const violation of world.violations) say(violation);
  return judge(samples, say) && world.violations.length === 0;
}

async function live(
  world: World,
  days: number,
  listeners: ListenerCount,
  say: (line: string) => void,
): Promise<Sample[]> {
  const instance = new Instance(world, 'instance', {});
  await world.pass(1_000);
  const platform = new Platform(world);
  platform.writeChoices(choicesOf(new SeededRandom(world.seed)));
  instance.start();
  platform.plan(STARTED_MS / 10);
  platform.begin(STARTED_MS / 10);
  await world.pass(STARTED_MS, () => platform.hasWrittenAll);
  await world.pass(STARTED_MS);
  hang(world);
  const samples: Sample[] = [];
  const beganAt = world.time.elapsed();
  for (let i = 0; i <= SAMPLES && world.violations.length === 0; i++) {
    await passTo(world, beganAt + (i * days * DAY_MS) / SAMPLES);
    const sample = measure(world, beganAt, instance, listeners);
    samples.push(sample);
    if (i % 6 === 0) say(lineOf(sample));
  }
  if (!instance.isReady) world.violated(`the instance is not ready: ${instance.status}`);
  return samples;
}

/** @throws Error if the input does not take the record: then nothing would hang */
function hang({ cluster, time }: World): void {
  const record = { key: Buffer.from('hangs'), value: Buffer.alloc(1), headers: [] };
  if (cluster.appendHanging(TOPICS.syncEvents, 0, record, time.now()) === null)
    throw new Error('the simulated cluster does not take the record of the hanging transaction');
  const { end, lastStableOffset } = cluster.ends(TOPICS.syncEvents, 0) ?? { end: 0, lastStableOffset: 0 };
  if (lastStableOffset >= end) throw new Error('no transaction hangs in the input');
}

/** An hour at a time: a call has a limit of steps. */
async function passTo(world: World, untilMs: number): Promise<void> {
  while (world.time.elapsed() < untilMs && world.violations.length === 0)
    await world.pass(Math.min(HOUR_MS, untilMs - world.time.elapsed()));
}

function measure(world: World, beganAt: number, instance: Instance, listeners: ListenerCount): Sample {
  const heap = heapInUse();
  const figures = {
    heap,
    timers: instance.process?.timers ?? 0,
    connections: world.network.connections,
    'abort listeners': listeners.abortListeners,
  };
  return { atMs: world.time.elapsed() - beganAt, figures };
}

function judge(samples: readonly Sample[], say: (line: string) => void): boolean {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_SHARE));
  const spanMs = (warm.at(-1)?.atMs ?? 0) - (warm[0]?.atMs ?? 0);
  const verdicts = (Object.keys(ALLOWED) as Figure[]).map((figure) => {
    const growth = trendOf(warm.map(({ atMs, figures }) => ({ x: atMs, y: figures[figure] }))) * spanMs;
    const isFlat = growth <= ALLOWED[figure];
    say(
      `${isFlat ? 'flat ' : 'GROWS'} ${figure}: grew by ${inUnits(figure, growth)}, allowed ${inUnits(figure, ALLOWED[figure])}`,
    );
    return isFlat;
  });
  const isFlat = verdicts.every((flat) => flat);
  say(`verdict: ${isFlat ? 'flat' : 'not flat'}`);
  return isFlat;
}

function lineOf({ atMs, figures }: Sample): string {
  const all = Object.entries(figures).map(([name, value]) => `${name} ${inUnits(name as Figure, value)}`);
  return [`day ${(atMs / DAY_MS).toFixed(1)}`, ...all].join(', ');
}

function inUnits(figure: Figure, value: number): string {
  return figure === 'heap' ? `${(value / MIB).toFixed(2)} MiB` : value.toFixed(1);
}
