/** Measures how many bytes a company takes, in the changelog and on an instance's disk. See `--help`. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import RocksDB from 'rocksdb';
import { createPlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import type { KafkaLogs } from '../src/kafka/reading/kafka-logs.js';
import { rocksOptions } from '../src/store/rocks-options.js';
import { PARTITION_FOLDER } from '../src/store/rocks-state-directory.js';
import type { Cluster } from '../testkit/cluster/cluster.js';
import { deploy, OWN_BUILD, SCHEMAS_FOLDER, type Deployment } from './lib/deployment.js';
import { thousands } from './lib/figures.js';
import { connectProducer, fill } from './lib/input.js';
import { MeasuredProcessor } from './lib/measured-processor.js';
import { onCluster } from './lib/on-cluster.js';
import { consumed, logsOf, partitionsOf, readWhole } from './lib/topic-reading.js';
import { workload, type WorkloadRecord } from './lib/workload.js';

const HELP = `npm run bench:company-size -- [options]

Lets an instance process companies of --datasets datasets: first all records except the last one of each company, then
the last ones. After both steps it prints, for one company: the bytes written to the changelog, the bytes that compaction
leaves of them, and the bytes on the instance's disk, before and after RocksDB has compacted everything. It counts keys and
values, without the overhead of Kafka's batches.

  --companies N  (50000)
  --datasets N   (20)
  --short        500 companies: check that it works
  --help         print this`;

const { values } = parseArgs({
  options: {
    companies: { type: 'string', default: '50000' },
    datasets: { type: 'string', default: '20' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const COMPANIES = values.short ? 500 : Number(values.companies);
const PARTITIONS = 4;
const IN_FLIGHT = 1_000;

async function bench(cluster: Cluster): Promise<void> {
  const deployment = await deploy(cluster, { partitions: PARTITIONS, build: OWN_BUILD });
  const encoder = await createPlatformEncoder(cluster.registryUrl, deployment.topics, SCHEMAS_FOLDER);
  const producer = await connectProducer(cluster.bootstrap);
  const logs = logsOf(cluster.bootstrap, deployment.applicationId);
  const shape = { companies: COMPANIES, inFlight: IN_FLIGHT, statuses: ['Fetching', 'Complete'] };
  const records = workload({ ...shape, datasetsPerCompany: Number(values.datasets) }, encoder, new SeededRandom(1));
  const last: WorkloadRecord[] = [];
  let processor = new MeasuredProcessor(deployment, OWN_BUILD);
  try {
    for (const situation of ['pending', 'announced']) {
      await fill(producer, deployment.topics.events, situation === 'pending' ? allButLast(records, last) : last);
      await consumed(logs, partitionsOf(deployment.topics.events, PARTITIONS), processor);
      processor = await restarted(deployment, processor);
      const changelog = await changelogBytes(logs, deployment);
      await processor.stop();
      const { stateDir } = processor;
      const disk = { left: bytesIn(stateDir), compacted: await compactedBytes(stateDir) };
      processor = new MeasuredProcessor(deployment, OWN_BUILD, [], stateDir);
      await processor.allRunning(PARTITIONS);
      report(situation, changelog, disk);
    }
  } finally {
    await processor.stopAndRemove();
    await logs.close();
    await producer.disconnect();
  }
}

function* allButLast(records: Iterable<WorkloadRecord>, last: WorkloadRecord[]): IterableIterator<WorkloadRecord> {
  for (const record of records)
    if (record.completes) last.push(record);
    else yield record;
}

/** Closes and opens the store. Afterwards its files also have the rows that were in its memory and in its log. */
async function restarted(deployment: Deployment, processor: MeasuredProcessor): Promise<MeasuredProcessor> {
  await processor.stop();
  const again = new MeasuredProcessor(deployment, OWN_BUILD, [], processor.stateDir);
  await again.allRunning(PARTITIONS);
  return again;
}

/** Bytes of keys and values. */
interface ChangelogBytes {
  readonly written: number;
  /**
   * Bytes of the latest record of each key. Tombstones do not count, because they are removed after
   * `delete.retention.ms`.
   */
  readonly live: number;
  readonly liveRecords: number;
}

async function changelogBytes(logs: KafkaLogs, { applicationId }: Deployment): Promise<ChangelogBytes> {
  let written = 0;
  const live = new Map<string, number>();
  await readWhole(logs, partitionsOf(`${applicationId}-company-state`, PARTITIONS), ({ key, value }) => {
    const name = key?.toString('latin1') ?? '';
    const bytes = name.length + (value?.length ?? 0);
    written += bytes;
    if (value === null) live.delete(name);
    else live.set(name, bytes);
  });
  return { written, live: [...live.values()].reduce((sum, bytes) => sum + bytes, 0), liveRecords: live.size };
}

function bytesIn(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
}

async function compactedBytes(stateDir: string): Promise<number> {
  const folders = readdirSync(stateDir).filter((name) => PARTITION_FOLDER.test(name));
  for (const name of folders) {
    const db = new RocksDB(join(stateDir, name), rocksOptions());
    await db.ready();
    await db.compactRange();
    await db.close();
  }
  return bytesIn(stateDir);
}

interface DiskBytes {
  readonly left: number;
  readonly compacted: number;
}

function report(situation: string, { written, live, liveRecords }: ChangelogBytes, disk: DiskBytes): void {
  const each = (bytes: number): string => `${thousands(bytes / COMPANIES)} bytes`;
  console.log(
    `${thousands(COMPANIES)} companies ${situation}, a company: ${each(written)} written to the changelog so far, of which ` +
      `${each(live)} in ${(liveRecords / COMPANIES).toFixed(1)} records stay; ` +
      `${each(disk.left)} on the disk, ${each(disk.compacted)} once compacted`,
  );
}

if (values.help) console.log(HELP);
else await onCluster(bench);
