/** Measures how fast one instance processes a backlog, and how much memory it takes. See `--help`. */
import { parseArgs } from 'node:util';
import { createPlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { describeProfile } from './lib/cpu-profile.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER } from './lib/deployment.js';
import { mebibytes, median, thousands } from './lib/figures.js';
import { connectProducer, fill } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { usedSince } from './lib/process-usage.js';
import { consumed, logsOf, partitionsOf, readWhole } from './lib/topic-reading.js';
import { recordsPerCompany, USUAL_STATUSES, workload } from './lib/workload.js';

const HELP = `npm run bench:catch-up -- [options]

Writes a backlog of companies being synced, then lets one new instance of the processor process it. Measures the time from
its first fetch until the group has committed the backlog's end. Afterwards every company must have been announced exactly
once.

  --companies N    (default: 20000), --in-flight N of them at a time (10000), each with --datasets N (20), four status
                   changes a dataset, over --partitions N (4)
  --rounds N       the number of measurements, each by a new deployment on the same backlog (1)
  --warm-up N      rounds before these, which do not count (1): a broker that has just started compiles its code, and
                   takes up to half a core for that
  --build FOLDER   the build to measure (dist); given several times, they take turns in each round
  --cpu-prof DIR   profile the processor (which slows it) and print where it spent its time
  --topic NAME     the backlog that an earlier run wrote to the cluster that KAFKA_BROKERS names
  --short          500 companies: check that it works, not how fast
  --help           print this

Uses the Kafka and registry that KAFKA_BROKERS and SCHEMA_REGISTRY_URL name. Otherwise it starts its own.
The wall-clock rate depends on other load of the machine. The CPU time of a record hardly does.`;

const SHORT = { companies: 500, 'in-flight': 250 };
const SEED = 1;

interface Result {
  readonly recordsPerSecond: number;
  readonly cpuUsPerRecord: number;
}

const { values } = parseArgs({
  options: {
    companies: { type: 'string', default: '20000' },
    'in-flight': { type: 'string', default: '10000' },
    datasets: { type: 'string', default: '20' },
    partitions: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '1' },
    'warm-up': { type: 'string', default: '1' },
    build: { type: 'string', multiple: true, default: [OWN_BUILD] },
    'cpu-prof': { type: 'string' },
    topic: { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else await onCluster(bench);

async function bench(cluster: Cluster): Promise<void> {
  const topic = values.topic ?? (await writeBacklog(cluster));
  const backlog = await lookAt(cluster, topic);
  const results = new Map<string, Result[]>(values.build.map((build) => [build, []]));
  const [first] = values.build as [string];
  for (let round = 1; round <= (values.short ? 0 : Number(values['warm-up'])); round++)
    await measure(cluster, topic, first, backlog, true);
  for (let round = 1; round <= Number(values.rounds); round++)
    for (const [build, measured] of results) measured.push(await measure(cluster, topic, build, backlog));
  if (Number(values.rounds) > 1) printMedians(results);
}

async function writeBacklog(cluster: Cluster): Promise<string> {
  const shape = {
    companies: values.short ? SHORT.companies : Number(values.companies),
    inFlight: values.short ? SHORT['in-flight'] : Number(values['in-flight']),
    datasetsPerCompany: Number(values.datasets),
    statuses: USUAL_STATUSES,
  };
  console.log(
    `writing ${thousands(shape.companies * recordsPerCompany(shape))} records of ${thousands(shape.companies)} ` +
      `companies, ${thousands(shape.inFlight)} at a time, ${shape.datasetsPerCompany} datasets each`,
  );
  const { topics } = await deploy(cluster, { partitions: Number(values.partitions), build: values.build[0] as string });
  const encoder = await createPlatformEncoder(cluster.registryUrl, topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const written = await fill(producer, topics.events, workload(shape, encoder, new SeededRandom(SEED)));
  await producer.disconnect();
  console.log(`topic ${topics.events}: ${(written.bytes / written.records).toFixed(0)} bytes a record`);
  return topics.events;
}

interface Backlog {
  readonly records: number;
  /** Every company of the backlog. */
  readonly companies: ReadonlySet<string>;
}

async function lookAt(cluster: Cluster, topic: string): Promise<Backlog> {
  const logs = logsOf(cluster.bootstrap, 'bench');
  const companies = new Set<string>();
  let records = 0;
  await readWhole(logs, partitionsOf(topic, Number(values.partitions)), ({ key }) => {
    records++;
    companies.add(String(key));
  });
  await logs.close();
  return { records, companies };
}

async function measure(
  cluster: Cluster,
  inputTopic: string,
  build: string,
  backlog: Backlog,
  isWarmUp = false,
): Promise<Result> {
  const partitions = Number(values.partitions);
  const deployment = await deploy(cluster, { partitions, build, inputTopic });
  const profileFolder = isWarmUp ? undefined : values['cpu-prof'];
  const flags = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const processor = new MeasuredProcessor(deployment, build, flags);
  try {
    const started = await processor.firstRunning();
    await consumed(logs, partitionsOf(inputTopic, partitions), processor);
    const seconds = (Date.now() - started.at) / 1000;
    const { userUs, systemUs } = usedSince(started.usage, processor.usage());
    const recordsPerSecond = backlog.records / seconds;
    const cpuUsPerRecord = (userUs + systemUs) / backlog.records;
    const perRecord = (us: number): string => (us / backlog.records).toFixed(2);
    console.log(
      `${isWarmUp ? 'warm-up: ' : ''}${build}: ${thousands(recordsPerSecond)} records/s (${seconds.toFixed(1)} s), CPU ${cpuUsPerRecord.toFixed(2)} ` +
        `us a record (${perRecord(userUs)} user, ${perRecord(systemUs)} system), ` +
        `${mebibytes(processor.peakMemory())} at most`,
    );
    await processor.stopAndRemove();
    await checkAnnouncements(cluster, deployment.topics.synchronized, backlog);
    if (profileFolder !== undefined) console.log(describeProfile(profileFolder));
    return { recordsPerSecond, cpuUsPerRecord };
  } finally {
    await processor.stopAndRemove();
    await logs.close();
  }
}

/** @throws Error unless every company of the backlog was announced exactly once, and no other company */
async function checkAnnouncements(cluster: Cluster, topic: string, { companies }: Backlog): Promise<void> {
  const logs = logsOf(cluster.bootstrap, 'bench');
  const announced = new Map<string, number>();
  await readWhole(logs, partitionsOf(topic, Number(values.partitions)), ({ key }) => {
    announced.set(String(key), (announced.get(String(key)) ?? 0) + 1);
  });
  await logs.close();
  const wrong = [...companies].filter((company) => announced.get(company) !== 1);
  if (wrong.length > 0 || announced.size !== companies.size)
    throw new Error(`${wrong.length} companies of ${companies.size} were not announced exactly once, as ${wrong[0]}`);
  console.log(`  ${thousands(companies.size)} companies announced, each exactly once`);
}

function printMedians(results: ReadonlyMap<string, readonly Result[]>): void {
  for (const [build, measured] of results)
    console.log(
      `median of ${measured.length}, ${build}: ${thousands(median(measured.map((r) => r.recordsPerSecond)))} records/s, ` +
        `CPU ${median(measured.map((r) => r.cpuUsPerRecord)).toFixed(2)} us a record`,
    );
}
