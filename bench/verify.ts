/** Measures `company-sync verify`: records a second, memory and temporary disk. See `--help`. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { createPlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import { describeProfile } from './lib/cpu-profile.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER, type Deployment } from './lib/deployment.js';
import { mebibytes, thousands } from './lib/figures.js';
import { connectProducer, fill } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { consumed, logsOf, partitionsOf } from './lib/topic-reading.js';
import { recordsPerCompany, USUAL_STATUSES, workload } from './lib/workload.js';

const HELP = `npm run bench:verify -- [options]

Writes about --records records of companies that are synced for the first time, lets an instance process them, and verifies the
topics. The verification must find nothing.

  --records N      (1000000)
  --partitions N   (4)
  --datasets N     of each company, with four statuses each (24)
  --in-flight N    companies whose records are mixed (10000)
  --rounds N       verifications (2)
  --cpu-prof DIR   profile the verification (which slows it) and print where it spent its time
  --short          20,000 records, once: check that it works, not how fast
  --help           print this`;

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    partitions: { type: 'string', default: '4' },
    datasets: { type: 'string', default: '24' },
    'in-flight': { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '2' },
    'cpu-prof': { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const RECORDS = values.short ? 20_000 : Number(values.records);
const PARTITIONS = Number(values.partitions);
const SEED = 1;
const LOOK_MS = 100;
const KIB = 1024;
/** As in `measured-processor.ts`: Linux counts CPU time in hundredths of a second. */
const CLOCK_TICK_US = 10_000;
const UTIME_FIELD = 11;

async function bench(cluster: Cluster): Promise<void> {
  const deployment = await deploy(cluster, { partitions: PARTITIONS, build: OWN_BUILD });
  const records = await writeInput(cluster, deployment);
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const processor = new MeasuredProcessor(deployment, OWN_BUILD);
  try {
    await processor.firstRunning();
    await consumed(logs, partitionsOf(deployment.topics.events, PARTITIONS), processor);
  } finally {
    await processor.stopAndRemove();
    await logs.close();
  }
  for (let round = 0; round < (values.short ? 1 : Number(values.rounds)); round++) await measure(deployment, records);
}

async function writeInput(cluster: Cluster, { topics }: Deployment): Promise<number> {
  const shape = {
    companies: 0,
    inFlight: Number(values['in-flight']),
    datasetsPerCompany: Number(values.datasets),
    statuses: USUAL_STATUSES,
  };
  const companies = Math.ceil(RECORDS / recordsPerCompany(shape));
  const encoder = await createPlatformEncoder(cluster.registryUrl, topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const written = await fill(
    producer,
    topics.events,
    workload({ ...shape, companies }, encoder, new SeededRandom(SEED)),
  );
  await producer.disconnect();
  console.log(
    `${thousands(written.records)} records of ${thousands(companies)} companies, ` +
      `${(written.bytes / written.records).toFixed(0)} bytes each, in ${PARTITIONS} partitions`,
  );
  return written.records;
}

async function measure(deployment: Deployment, records: number): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'company-sync-bench-'));
  const startedAt = Date.now();
  const profile = values['cpu-prof'];
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const words = [...flags, join(OWN_BUILD, 'main.js'), 'verify', `--scratch=${scratch}`];
  const child = spawn(process.execPath, words, { env: deployment.env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  let memory = 0;
  let disk = 0;
  let cpuUs = 0;
  const watch = setInterval(() => {
    memory = Math.max(memory, peakMemory(child.pid));
    cpuUs = Math.max(cpuUs, cpuTimeUs(child.pid));
    disk = Math.max(disk, bytesIn(scratch));
  }, LOOK_MS);
  const exitCode = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  rmSync(scratch, { recursive: true });
  if (exitCode !== 0) throw new Error(`verify ended with ${String(exitCode)}:\n${output}`);
  const seconds = (Date.now() - startedAt) / 1_000;
  console.log(
    `verify: ${thousands(records / seconds)} records/s (${seconds.toFixed(1)} s with the start), CPU ` +
      `${(cpuUs / records).toFixed(2)} us a record, ${mebibytes(memory)} of memory at most, ${mebibytes(disk)} of disk at most`,
  );
  if (profile !== undefined) console.log(describeProfile(profile));
}

/** CPU time of all threads since the start; 0 if the process has ended. */
function cpuTimeUs(pid: number | undefined): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  const stat = readFileSync(file, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD]) + Number(fields[UTIME_FIELD + 1])) * CLOCK_TICK_US;
}

/** The highest resident memory of a process; 0 if it has ended. */
function peakMemory(pid: number | undefined): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return 0;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) * KIB;
}

/** Files may go away meanwhile. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

if (values.help) console.log(HELP);
else await onCluster(bench);
