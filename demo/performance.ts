/**
 * The main part of the demo: events are written, a processor is killed and started again, and all events are processed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AnnouncementCounter } from './announcement-counter.js';
import { buildCast, type Cast } from './cast.js';
import { Consumption } from './consumption.js';
import { SCHEMAS_FOLDER } from './deployment.js';
import type { DemoOptions } from './options.js';
import { createPlatformEncoder } from '../testkit/platform-events.js';
import type { ProcessorInstance } from './processor-instance.js';
import { Progress } from './progress.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import { Simulator } from './simulator.js';
import type { Stage } from './stage.js';
import type { Terminal } from './terminal.js';
import { layOut } from './timeline.js';
import type { Webhooks } from './webhooks.js';

/** How long events are written. */
const PLAY_MS = 16_000;
/** The time from the beginning of the play. */
const CHOICES_MIDWAY_MS = 0.3 * PLAY_MS;
const KILL_MS = 0.4 * PLAY_MS;
/** How long the killed processor stays away. */
const AWAY_MS = 2_000;
/** The time limit for the processors to consume the rest after the play. */
const DRAIN_TIMEOUT_MS = 60_000;

export interface Performance {
  readonly cast: Cast;
  /** Offset of `client-settings`: all records below it existed before the processors started. */
  readonly settingsInPlaceBefore: number;
  readonly webhooks: Webhooks;
}

/** Rejects if a processor ends by itself, if the input is not consumed in time, or when `signal` aborts. */
export async function perform(
  stage: Stage,
  options: DemoOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Performance> {
  const { bootstrap, registryUrl, topics, applicationId, allDatasetsFrom } = stage.deployment;
  const encoder = await createPlatformEncoder(registryUrl, topics, SCHEMAS_FOLDER);
  const random = new SeededRandom(options.seed);
  const cast = buildCast(options.companies, random, encoder, Date.now());
  const timeline = layOut(cast.members, PLAY_MS, random);

  const producer = stage.kafka('platform').producer({ allowAutoTopicCreation: false });
  const consumption = await Consumption.connect(bootstrap, applicationId, topics.events);
  const counter = await AnnouncementCounter.start(bootstrap, topics.synchronized, `${applicationId}-demo-counter`);
  const webhooks = await stage.startWebhooks();
  try {
    await producer.connect();
    const simulator = new Simulator({ producer, topics, encoder, allDatasetsFrom, timeline });
    await simulator.choose(cast.choicesBefore);
    await Promise.race([startProcessors(stage, terminal), whenAborted(signal)]);

    terminal.say(`${cast.members.length} companies, ${timeline.length} records, in ${PLAY_MS / 1_000} s`);
    const shown = { simulator, consumption, announcements: counter, webhooks, instances: stage.instances };
    const progress = new Progress(terminal, shown);
    try {
      await play(stage, simulator, cast, terminal, signal);
      await consumption.toTheEnd(DRAIN_TIMEOUT_MS, Promise.race([stage.failed, whenAborted(signal)]));
    } finally {
      await progress.stop();
    }
    return { cast, settingsInPlaceBefore: cast.choicesBefore.length, webhooks };
  } finally {
    await Promise.all([producer.disconnect(), consumption.disconnect(), counter.stop()]);
  }
}

/** Resolves once all records are written and the killed processor is back. */
async function play(
  stage: Stage,
  simulator: Simulator,
  { choicesMidway }: Cast,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const onStage = AbortSignal.any([signal, over.signal]);
  const victim = stage.instances.at(-1);
  const acts = [
    simulator.play(onStage),
    delay(CHOICES_MIDWAY_MS, undefined, { signal: onStage }).then(() => simulator.choose(choicesMidway)),
    ...(victim === undefined ? [] : [killAndRestart(victim, terminal, onStage)]),
  ];
  try {
    await Promise.race([Promise.all(acts), stage.failed]);
  } finally {
    over.abort();
    await Promise.allSettled(acts);
  }
}

async function startProcessors(stage: Stage, terminal: Terminal): Promise<void> {
  for (const instance of stage.instances) instance.start();
  await Promise.all(stage.instances.map((instance) => instance.ready()));
  const addresses = stage.instances.map(({ name, address }) => `${name} at ${address}`);
  terminal.say(`processors are ready: ${addresses.join(', ')}`);
}

async function killAndRestart(victim: ProcessorInstance, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await delay(KILL_MS, undefined, { signal });
  await victim.kill();
  terminal.say(`killed processor ${victim.name} (kill -9)`, 'yellow');
  await delay(AWAY_MS, undefined, { signal });
  const pid = victim.start();
  terminal.say(`started processor ${victim.name} again on the state it left (process ${pid})`, 'yellow');
  await victim.ready();
  terminal.say(`processor ${victim.name} is ready again`, 'yellow');
}

function whenAborted(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  aborted.catch(() => undefined); // Part of a race: possibly no code waits for it any more.
  return aborted;
}
