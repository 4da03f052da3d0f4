/** Compares the processor with a Kafka Streams processor for the same task. See `--help`. */
import { parseArgs } from 'node:util';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { createPlatformEncoder } from '../../testkit/platform-events.js';
import { SeededRandom } from '../../testkit/seeded-random.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER } from '../lib/deployment.js';
import { thousands } from '../lib/figures.js';
import { connectProducer, fill } from '../lib/input.js';
import { onCluster } from '../lib/on-cluster.js';
import { USUAL_STATUSES, workload } from '../lib/workload.js';
import { catchUp, type Backlog } from './catch-up.js';
import { companySync, type Contestant, type Installed } from './contestant.js';
import { mustAgree } from './same-announcements.js';
import { crash, steady } from './steady.js';
import { buildStreams, kafkaStreams, type StreamsOptions } from './streams-peer.js';
import { describe, printTable, type Figures } from './table.js';

const HELP = `npm run bench:peer -- [options]

Runs the processor and a Kafka Streams processor for the same task in turn, on the same broker and the same input, and
prints what each took and their ratios. Both must publish the same events, else it ends with an error. Kafka Streams has
exactly-once, transactional state stores and a RocksDB store, once with one value for each company and once with a row
for each dataset. It is built by Maven, with Java 17 or newer.

  --measure NAME   catch-up, catch-up-200 (companies of 200 datasets), steady or crash; may be given several times (all)
  --rounds N       how often each is measured, in turn (3)
  --companies N    of the backlog with 20 datasets each (20000); a tenth as many have 200 datasets
  --rate N         records a second of 'steady'; may be given several times (2000, 10000 and 30000)
  --seconds N      of each rate, after as many seconds of warm-up (30)
  --threads N      of Kafka Streams (2)
  --commit-interval DURATION
                   COMMIT_INTERVAL of the processor (its default); may be given several times, for 'steady'
  --streams-interval N
                   commit interval of Kafka Streams in milliseconds, for 'steady'; may be given several times (100 and 10)
  --alone          measure only the processor in 'steady': the first --commit-interval against the others
  --build FOLDER   the build of the processor (dist)
  --short          one small round of each: check that it works
  --help           print this

Uses the Kafka and registry that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name. Otherwise it starts its own, and measures
the CPU time of its broker too.`;

const SHORT = { companies: 300, rates: [500], seconds: 3, rounds: 1, crashSeconds: 20 };
const MEASUREMENTS = ['catch-up', 'catch-up-200', 'steady', 'crash'];
const PARTITIONS = 4;
const IN_FLIGHT = 10_000;
const SEED = 1;
const CRASH_RATE = 2_000;
/** Longer than the session of a member that is gone, which the group waits for at worst. */
const CRASH_SECONDS = 60;

const { values } = parseArgs({
  options: {
    measure: { type: 'string', multiple: true, default: MEASUREMENTS },
    rounds: { type: 'string', default: '3' },
    companies: { type: 'string', default: '20000' },
    rate: { type: 'string', multiple: true, default: ['2000', '10000', '30000'] },
    seconds: { type: 'string', default: '30' },
    threads: { type: 'string', default: '2' },
    'commit-interval': { type: 'string', multiple: true },
    'streams-interval': { type: 'string', multiple: true, default: ['100', '10'] },
    alone: { type: 'boolean', default: false },
    build: { type: 'string', default: OWN_BUILD },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = values.short ? SHORT.rounds : Number(values.rounds);
const seconds = values.short ? SHORT.seconds : Number(values.seconds);
const wrong = values.measure.find((name) => !MEASUREMENTS.includes(name));
if (values.help) console.log(HELP);
else if (wrong !== undefined) {
  console.error(`--measure ${wrong} is none of ${MEASUREMENTS.join(', ')}`);
  process.exitCode = 2;
} else await onCluster(bench);

async function bench(cluster: Cluster): Promise<void> {
  const ours = (values['commit-interval'] ?? [null]).map((interval) => companySync(values.build, interval));
  if (values.alone) return compareSteady(cluster, ours);
  const program = await buildStreams();
  const streams = (options: Omit<StreamsOptions, 'threads'>): Contestant =>
    kafkaStreams(program, values.build, { ...options, threads: Number(values.threads) });
  const layouts = ['value', 'rows'] as const;
  const forThroughput = [...ours.slice(0, 1), ...layouts.map((layout) => streams({ layout, commitIntervalMs: 100 }))];
  const forLatency = [
    ...ours,
    ...values['streams-interval'].map((ms) => streams({ layout: 'value', commitIntervalMs: Number(ms) })),
  ];
  const companies = values.short ? SHORT.companies : Number(values.companies);
  for (const measure of values.measure)
    if (measure === 'catch-up') await compareCatchUp(cluster, forThroughput, companies, 20);
    else if (measure === 'catch-up-200') await compareCatchUp(cluster, forThroughput, Math.ceil(companies / 10), 200);
    else if (measure === 'steady') await compareSteady(cluster, forLatency);
    else await compareCrash(cluster, forThroughput.slice(0, 2));
}

async function compareCatchUp(cluster: Cluster, all: readonly Contestant[], companies: number, datasets: number) {
  const backlog = await writeBacklog(cluster, companies, datasets);
  await compare(`catch-up, ${datasets} datasets`, all, async (contestant, installed) => {
    const { installed: own, figures } = await catchUp(cluster, contestant, backlog);
    if (installed.length > 0) await mustAgree(cluster, [installed[0] as Installed, own]);
    installed.push(own);
    return figures;
  });
}

async function writeBacklog(cluster: Cluster, companies: number, datasetsPerCompany: number): Promise<Backlog> {
  const shape = { companies, inFlight: IN_FLIGHT, datasetsPerCompany, statuses: USUAL_STATUSES };
  const { topics } = await deploy(cluster, { partitions: PARTITIONS, build: values.build });
  const encoder = await createPlatformEncoder(cluster.registryUrl, topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const { records } = await fill(producer, topics.events, workload(shape, encoder, new SeededRandom(SEED)));
  await producer.disconnect();
  console.log(`backlog: ${thousands(records)} records of ${thousands(companies)} companies`);
  return { topic: topics.events, partitions: PARTITIONS, records };
}

async function compareSteady(cluster: Cluster, all: readonly Contestant[]): Promise<void> {
  for (const rate of values.short ? SHORT.rates : values.rate.map(Number))
    await compare(`${thousands(rate)} records/s`, all, (contestant) =>
      steady(cluster, contestant, { rate, seconds, warmUp: seconds }),
    );
}

async function compareCrash(cluster: Cluster, all: readonly Contestant[]): Promise<void> {
  const load = { rate: CRASH_RATE, seconds: values.short ? SHORT.crashSeconds : CRASH_SECONDS, warmUp: seconds };
  for (const stateLost of [false, true])
    await compare(`kill -9, state ${stateLost ? 'lost' : 'kept'}`, all, (contestant) =>
      crash(cluster, contestant, load, { stateLost }),
    );
}

/** A broker that has just started compiles its code: each contestant has its turn to be first. */
function beginningWith<T>(all: readonly T[], first: number): T[] {
  return all.map((_, i) => all[(first + i) % all.length] as T);
}

/** @param measure one contestant in one round; `installed` has those that this round has measured before */
async function compare(
  what: string,
  all: readonly Contestant[],
  measure: (contestant: Contestant, installed: Installed[]) => Promise<Figures>,
): Promise<void> {
  const results = new Map<string, Figures[]>(all.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    const installed: Installed[] = [];
    for (const contestant of beginningWith(all, round - 1)) {
      console.log(`${what}, round ${round} of ${rounds}: ${contestant.name}`);
      const figures = await measure(contestant, installed);
      console.log(`  ${describe(figures)}`);
      results.get(contestant.name)?.push(figures);
    }
  }
  printTable(what, results);
}
