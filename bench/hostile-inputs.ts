/**
 * Runs hostile records and clients against one instance, all at once. Checks that they do not stop it, and do not cost
 * it more than the limits. See `--help`.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import kafkajs, { CompressionTypes, type Message, type Producer } from 'kafkajs';
import { hugeRecord } from '../testkit/huge-record.js';
import { createPlatformEncoder, type PlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import type { KafkaLogs } from '../src/kafka/reading/kafka-logs.js';
import { readDeadLetter } from '../src/publish/dead-letter.js';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER, type Deployment } from './lib/deployment.js';
import { mebibytes, quantile, thousands } from './lib/figures.js';
import { hostileClients } from './lib/hostile-clients.js';
import { backlogManifest, FULL_SCALE, hostileInputs, SHORT_SCALE, type HostileInput } from './lib/hostile-records.js';
import { compressAs, connectProducer, fill } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { metricsTimes } from './lib/metrics-times.js';
import { consumed, logsOf, partitionsOf, readWhole } from './lib/topic-reading.js';
import { workload } from './lib/workload.js';

const HELP = `npm run bench:hostile-inputs -- [options]

Lets one new instance process a compressed backlog, ordinary companies and every kind of hostile record at once, while
clients of its HTTP port ask for too much, send wrong tokens, or never finish a request. Prints the highest resident memory
and the times of GET /metrics. Exits with 1 if a limit is exceeded, if an ordinary company is not announced exactly once, or
if a hostile record does not end as the contract says.

  --max-mib N  the most memory that may be resident (700)
  --max-ms N   the longest that GET /metrics may take (1000)
  --max-cpu-ms N  the longest that the instance's main thread may be busy during an answer (1000): on a shared machine
               --max-ms also counts the load of others
  --only NAME  write only this input and the ordinary companies: backlog, large-batch, huge-record, or a kind of record in
               bench/lib/hostile-records.ts, such as unlinked; several are possible
  --node FLAG  a flag for Node of the instance, such as --node=--cpu-prof; several are possible
  --short      less of everything, at most 90 s
  --help       print this`;

const { values } = parseArgs({
  options: {
    'max-mib': { type: 'string', default: '700' },
    'max-ms': { type: 'string', default: '1000' },
    'max-cpu-ms': { type: 'string', default: '1000' },
    only: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const BACKLOG_COMPANIES = values.short ? 2_000 : 60_000;
const BACKLOG_DATASETS = 43;
const BACKLOG_BATCH_RECORDS = 4_000;
const ORDINARY_COMPANIES = values.short ? 200 : 2_000;
/** The other partitions get only a batch that cannot be read: one that is too large, or one with a huge record. */
const SHARED_PARTITIONS = 4;
const TOO_LARGE_BATCH_PARTITION = SHARED_PARTITIONS;
const HUGE_RECORD_PARTITIONS = [5, 6, 7, 8];
const PARTITIONS = SHARED_PARTITIONS + 1 + HUGE_RECORD_PARTITIONS.length;
const MIB = 2 ** 20;
/** Less than MAX_BATCH_BYTES. Compressed, the record takes 8 kB. */
const HUGE_RECORD_MIB = 255;
/** More than MAX_BATCH_BYTES, which is 256 MiB. */
const TOO_LARGE_BATCH_MIB = 280;
const METRICS_INTERVAL_MS = 250;
const POLL_MS = 100;
const BLOCKED_WITHIN_MS = 120_000;

if (values.help) console.log(HELP);
else await onCluster(bench);

async function bench(cluster: Cluster): Promise<void> {
  const faults = await play(cluster);
  for (const fault of faults) console.error(`FAULT: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** @returns the faults that were found */
async function play(cluster: Cluster): Promise<string[]> {
  const plain = await deploy(cluster, { partitions: PARTITIONS, build: OWN_BUILD });
  const token = randomUUID();
  const deployment = { ...plain, env: { ...plain.env, HTTP_TOKEN: token } };
  const topic = deployment.topics.events;
  const encoder = await createPlatformEncoder(cluster.registryUrl, deployment.topics, SCHEMAS_FOLDER);
  const allInputs = hostileInputs(encoder, schemaIdOf(encoder), values.short ? SHORT_SCALE : FULL_SCALE);
  const inputs = allInputs.filter(({ name }) => isWanted(name));
  const producer = await connectProducer(cluster.bootstrap);
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  await compressAs(cluster.bootstrap, topic, 'zstd');
  if (isWanted('backlog')) await writeBacklog(producer, topic, encoder);
  await compressAs(cluster.bootstrap, topic, 'producer');

  const processor = new MeasuredProcessor(deployment, OWN_BUILD, values.node);
  const watching = new AbortController();
  try {
    const started = await processor.firstRunning();
    console.log('the instance runs');
    const address = await processor.address();
    const watched = Promise.all([
      metricsTimes({ address, pid: processor.pid, intervalMs: METRICS_INTERVAL_MS }, watching.signal),
      hostileClients(address, token, watching.signal),
    ]);
    watched.catch(() => undefined); // Awaited below.
    const [ordinary] = await Promise.all([
      writeOrdinary(producer, topic, encoder),
      writeHostile(producer, topic, inputs),
      isWanted('large-batch') ? writeTooLargeBatch(producer, topic) : null,
      isWanted('huge-record') ? writeHugeRecords(producer, topic) : null,
    ]);
    await consumed(logs, partitionsOf(topic, SHARED_PARTITIONS), processor);
    const unreadable = [
      ...(isWanted('large-batch') ? [TOO_LARGE_BATCH_PARTITION] : []),
      ...(isWanted('huge-record') ? HUGE_RECORD_PARTITIONS : []),
    ];
    const blocked = await Promise.all(unreadable.map((partition) => blockedBecause(processor, partition)));
    const seconds = (Date.now() - started.at) / 1_000;
    watching.abort();
    const [answerTimes, answers] = await watched;
    const sorted = (times: number[]): number[] => times.sort((a, b) => a - b);
    const times = sorted(answerTimes.map(({ ms }) => ms));
    const cpuTimes = sorted(answerTimes.map(({ cpuMs }) => cpuMs));
    const peak = processor.peakMemory();
    const [slowest, slowestCpu] = [times.at(-1) ?? Infinity, cpuTimes.at(-1) ?? Infinity];
    console.log(
      `${seconds.toFixed(0)} s: ${mebibytes(peak)} at most; ${thousands(times.length)} answers of /metrics, ` +
        `p50 ${quantile(times, 0.5).toFixed(0)} ms, p99 ${quantile(times, 0.99).toFixed(0)} ms, max ${slowest.toFixed(0)} ms, ` +
        `of which the main thread was busy p50 ${quantile(cpuTimes, 0.5).toFixed(0)} ms, max ${slowestCpu.toFixed(0)} ms; ` +
        `answers to hostile clients by status: ${JSON.stringify(Object.fromEntries(answers.byStatus))}`,
    );
    const largest = answerTimes.map(({ memory }) => memory).sort((a, b) => b.resident - a.resident)[0];
    const parts = Object.entries(largest ?? {}).map(([part, bytes]) => `${part} ${mebibytes(bytes)}`);
    console.log(`when most was resident by an answer of /metrics: ${parts.join(', ')}`);
    return [
      ...(peak > Number(values['max-mib']) * MIB ? [`${mebibytes(peak)} were resident`] : []),
      ...(slowest > Number(values['max-ms']) ? [`an answer of /metrics took ${slowest.toFixed(0)} ms`] : []),
      ...(slowestCpu > Number(values['max-cpu-ms'])
        ? [`an answer of /metrics took ${slowestCpu.toFixed(0)} ms of CPU time`]
        : []),
      ...blocked.flatMap((reason, i) =>
        /at offsets 0 to \d+ cannot be read.*MAX_BATCH_BYTES/.test(reason)
          ? []
          : [`the batch in partition ${unreadable[i]} gave the reason '${reason}'`],
      ),
      ...answers.faults.map((fault) => `a client got status 500 from ${fault}`),
      ...(await wrongAnnouncements(logs, deployment, ordinary)),
      ...(await wrongDeadLetters(logs, deployment, inputs)),
    ];
  } finally {
    watching.abort();
    await processor.stopAndRemove();
    await logs.close();
    await producer.disconnect();
  }
}

function isWanted(name: string): boolean {
  return values.only.length === 0 || values.only.includes(name);
}

function schemaIdOf(encoder: PlatformEncoder): number {
  return backlogManifest(encoder, 'any', 0).readInt32BE(1);
}

/** Writes a backlog of manifests in large batches. Each manifest is written twice. */
async function writeBacklog(producer: Producer, topic: string, encoder: PlatformEncoder): Promise<void> {
  for (let partition = 0; partition < SHARED_PARTITIONS; partition++) {
    for (let left = BACKLOG_COMPANIES / SHARED_PARTITIONS; left > 0; left -= BACKLOG_BATCH_RECORDS / 2) {
      const messages = Array.from({ length: Math.min(left, BACKLOG_BATCH_RECORDS / 2) }, () => {
        const key = randomUUID();
        return { key, value: backlogManifest(encoder, key, BACKLOG_DATASETS), partition };
      });
      await sendCompressed(
        producer,
        topic,
        messages.flatMap((message) => [message, message]),
      );
    }
  }
}

/** Writes companies that are completed. @returns their ids */
async function writeOrdinary(
  producer: Producer,
  topic: string,
  encoder: PlatformEncoder,
): Promise<ReadonlySet<string>> {
  const shape = {
    companies: ORDINARY_COMPANIES,
    inFlight: 100,
    datasetsPerCompany: 10,
    statuses: ['Fetching', 'Complete'],
  };
  const companies = new Set<string>();
  const records = [...workload(shape, encoder, new SeededRandom(1))];
  const placed = records.map((record) => {
    companies.add(record.key);
    return { ...record, partition: partitionOf(record.key) };
  });
  await fill(producer, topic, placed);
  return companies;
}

async function writeHostile(producer: Producer, topic: string, inputs: readonly HostileInput[]): Promise<void> {
  await Promise.all(
    inputs.map(async ({ batchRecords, records }) => {
      let messages: Message[] = [];
      for (const record of records()) {
        messages.push({ ...record, partition: partitionOf(record.key) });
        if (messages.length < batchRecords) continue;
        await sendCompressed(producer, topic, messages);
        messages = [];
      }
      await sendCompressed(producer, topic, messages);
    }),
  );
}

async function writeTooLargeBatch(producer: Producer, topic: string): Promise<void> {
  const value = Buffer.alloc(MIB);
  const message = { key: 'too-large-batch', value, partition: TOO_LARGE_BATCH_PARTITION };
  await sendCompressed(
    producer,
    topic,
    Array.from({ length: TOO_LARGE_BATCH_MIB }, () => message),
  );
}

async function sendCompressed(producer: Producer, topic: string, messages: Message[]): Promise<void> {
  if (messages.length > 0) await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
}

/** All records of a company go to one partition. */
function partitionOf(companyId: string): number {
  return Buffer.from(companyId).reduce((sum, byte) => sum + byte, 0) % SHARED_PARTITIONS;
}

/** Replaces the codec of kafkajs, because the zeros are never in memory in this way. */
async function writeHugeRecords(producer: Producer, topic: string): Promise<void> {
  const records = hugeRecord(HUGE_RECORD_MIB * MIB);
  const compress = (): Promise<Buffer> => Promise.resolve(records);
  kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({ compress, decompress: compress });
  for (const partition of HUGE_RECORD_PARTITIONS)
    await producer.send({ topic, messages: [{ value: 'x', partition }], compression: CompressionTypes.ZSTD });
}

/** Waits until a partition is blocked. @returns the reason that it gives */
async function blockedBecause(processor: MeasuredProcessor, partition: number): Promise<string> {
  for (const deadline = Date.now() + BLOCKED_WITHIN_MS; Date.now() < deadline; await delay(POLL_MS)) {
    processor.mustRun();
    const blocked = processor.states.find((logged) => logged.partition === partition && logged.state === 'blocked');
    if (blocked !== undefined) return blocked.reason ?? '';
  }
  return 'none: it is not blocked';
}

async function wrongAnnouncements(
  logs: KafkaLogs,
  { topics }: Deployment,
  ordinary: ReadonlySet<string>,
): Promise<string[]> {
  const times = new Map<string, number>();
  await readWhole(logs, partitionsOf(topics.synchronized, PARTITIONS), ({ key }) => {
    times.set(String(key), (times.get(String(key)) ?? 0) + 1);
  });
  const wrong = [...ordinary].filter((companyId) => times.get(companyId) !== 1);
  const others = [...times.keys()].filter((companyId) => !ordinary.has(companyId));
  console.log(
    `${thousands(ordinary.size - wrong.length)} of ${thousands(ordinary.size)} ordinary companies announced once`,
  );
  return [
    ...(wrong.length > 0 ? [`${wrong.length} ordinary companies are not announced once, such as ${wrong[0]}`] : []),
    ...(others.length > 0 ? [`${others.length} other companies are announced, such as ${others[0]}`] : []),
  ];
}

/** Compares the dead letters of each kind of input with its outcome. */
async function wrongDeadLetters(
  logs: KafkaLogs,
  { env }: Deployment,
  inputs: readonly HostileInput[],
): Promise<string[]> {
  const codes = new Map<string, string[]>();
  await readWhole(logs, partitionsOf(env.TOPIC_DEAD_LETTER as string, PARTITIONS), (record) => {
    const kind = String(record.key).replace(/-\d+$/, '');
    const letters = codes.get(kind) ?? [];
    letters.push(readDeadLetter(record)?.code ?? 'not a dead letter');
    codes.set(kind, letters);
  });
  const faults = inputs.flatMap((input) => faultsOf(input, codes.get(input.name) ?? []));
  const known = new Set(inputs.map(({ name }) => name));
  const others = [...codes.keys()].filter((kind) => !known.has(kind));
  return [...faults, ...others.map((kind) => `records of '${kind}' are dead letters`)];
}

function faultsOf({ name, outcome, records }: HostileInput, codes: readonly string[]): string[] {
  const written = outcome.kind === 'pending' ? 0 : [...records()].length;
  const [wanted, allowed] =
    outcome.kind === 'dead-letters'
      ? [written, outcome.codes]
      : outcome.kind === 'limited'
        ? [written - outcome.accepted, [outcome.code]]
        : [0, []];
  const counts = Object.fromEntries([...new Set(codes)].map((code) => [code, codes.filter((c) => c === code).length]));
  console.log(`  ${name}: ${thousands(codes.length)} dead letters ${JSON.stringify(counts)}`);
  const right = codes.length === wanted && codes.every((code) => allowed.includes(code));
  return right ? [] : [`${name}: ${JSON.stringify(counts)} instead of ${wanted} of ${allowed.join(' or ')}`];
}
