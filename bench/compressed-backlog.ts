/** Checks whether an instance's memory depends on how well a backlog is compressed. See `--help`. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CompressionTypes } from 'kafkajs';
import { createPlatformEncoder, type PlatformEncoder } from '../testkit/platform-events.js';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER } from './lib/deployment.js';
import { mebibytes, thousands } from './lib/figures.js';
import { backlogManifest } from './lib/hostile-records.js';
import { compressAs, connectProducer } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { metricsTimes } from './lib/metrics-times.js';
import { consumed, logsOf, partitionsOf } from './lib/topic-reading.js';

const HELP = `npm run bench:compressed-backlog -- [options]

Writes a backlog of manifests, each twice, and lets one new instance process it: once for
each --codec, with which the broker compresses batches of --batch records. Prints records/s, the highest resident memory, and
the slowest answer of GET /metrics meanwhile.

  --companies N   (default: 60000), each with --datasets N (43), over --partitions N (4)
  --codec NAME    uncompressed, gzip, snappy, lz4 or zstd; several are measured one after the other (uncompressed, zstd)
  --batch N       records in a batch (4000)
  --build FOLDER  the build to measure (dist)
  --max-mib N     exit with 1 if more memory was resident
  --max-ms N      exit with 1 if an answer took longer
  --short         2,000 companies
  --help          print this`;

const SHORT_COMPANIES = 2_000;
const METRICS_INTERVAL_MS = 200;

const { values } = parseArgs({
  options: {
    companies: { type: 'string', default: '60000' },
    datasets: { type: 'string', default: '43' },
    partitions: { type: 'string', default: '4' },
    batch: { type: 'string', default: '4000' },
    codec: { type: 'string', multiple: true, default: ['uncompressed', 'zstd'] },
    build: { type: 'string', default: OWN_BUILD },
    'max-mib': { type: 'string', default: 'Infinity' },
    'max-ms': { type: 'string', default: 'Infinity' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else await onCluster(bench);

async function bench(cluster: Cluster): Promise<void> {
  for (const codec of values.codec) await measure(cluster, codec);
}

async function measure(cluster: Cluster, codec: string): Promise<void> {
  const partitions = Number(values.partitions);
  const deployment = await deploy(cluster, { partitions, build: values.build });
  const topic = deployment.topics.events;
  await compressAs(cluster.bootstrap, topic, codec);
  const written = await write(
    cluster,
    topic,
    await createPlatformEncoder(cluster.registryUrl, deployment.topics, SCHEMAS_FOLDER),
  );
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const processor = new MeasuredProcessor(deployment, values.build);
  const watching = new AbortController();
  try {
    const started = await processor.firstRunning();
    const times = metricsTimes(
      { address: await processor.address(), pid: processor.pid, intervalMs: METRICS_INTERVAL_MS },
      watching.signal,
    );
    await consumed(logs, partitionsOf(topic, partitions), processor);
    const seconds = (Date.now() - started.at) / 1_000;
    watching.abort();
    const [peak, slowestMs] = [processor.peakMemory(), Math.max(...(await times).map(({ ms }) => ms))];
    console.log(
      `${codec}: ${thousands(written.records)} records of ${mebibytes(written.bytes)}, ` +
        `${thousands(written.records / seconds)} records/s, ${mebibytes(peak)} at most, ` +
        `slowest /metrics ${slowestMs.toFixed(0)} ms`,
    );
    if (peak > Number(values['max-mib']) * 2 ** 20 || slowestMs > Number(values['max-ms'])) {
      console.error(`${codec}: more than --max-mib ${values['max-mib']} or --max-ms ${values['max-ms']}`);
      process.exitCode = 1;
    }
  } finally {
    watching.abort();
    await processor.stopAndRemove();
    await logs.close();
  }
}

/** Writes batches of one partition each. @returns the number of records, and of bytes of keys and values */
async function write(
  cluster: Cluster,
  topic: string,
  encoder: PlatformEncoder,
): Promise<{ records: number; bytes: number }> {
  const companies = values.short ? SHORT_COMPANIES : Number(values.companies);
  const partitions = Number(values.partitions);
  const producer = await connectProducer(cluster.bootstrap);
  const pending = Array.from({ length: partitions }, (): { key: string; value: Buffer; partition: number }[] => []);
  let [records, bytes] = [0, 0];
  const send = async (partition: number): Promise<void> => {
    const messages = pending[partition]!.splice(0);
    if (messages.length > 0) await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
  };
  for (let i = 0; i < companies; i++) {
    const partition = i % partitions;
    const key = randomUUID();
    const value = backlogManifest(encoder, key, Number(values.datasets));
    for (let twice = 0; twice < 2; twice++) pending[partition]!.push({ key, value, partition });
    records += 2;
    bytes += 2 * (key.length + value.length);
    if (pending[partition]!.length >= Number(values.batch)) await send(partition);
  }
  for (let partition = 0; partition < partitions; partition++) await send(partition);
  await producer.disconnect();
  return { records, bytes };
}
