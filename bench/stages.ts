/**
 * Measures the CPU time of a record by stage, without a broker: `node --import tsx bench/stages.ts [--companies 8000]`.
 *
 * The records are those of `workload.ts`. At any time, half of the companies are in flight. There are four partitions,
 * whose batches take turns. Each batch is decoded, decided, encoded, applied to a RocksDB, and encoded as a Produce
 * request. Other load of the machine hardly changes the result. To compare two builds, compare the sums.
 */
import avro from 'avsc';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PlatformEncoder } from '../testkit/platform-events.js';
import { SeededRandom } from '../testkit/seeded-random.js';
import { loadReaderSchemas } from '../src/lib/schema-files.js';
import { createSyncEventDecoder } from '../src/decode/sync-event-decoder.js';
import { VOCABULARY } from '../src/domain/statuses.js';
import { crc32c } from '@node-rs/crc32';
import { produce } from '../src/kafka/protocol/produce-request.js';
import { cutBatch } from '../src/kafka/protocol/record-batch-encoder.js';
import { FetchedRecords } from '../src/kafka/protocol/record-batch-decoder.js';
import { NO_HEADERS, type LogRecord, type RecordToWrite } from '../src/lib/record.js';
import type { PipelineContext } from '../src/pipeline/context.js';
import { HoldRemoval } from '../src/pipeline/hold-removal.js';
import { decide } from '../src/pipeline/decide.js';
import { CompanyCache } from '../src/store/company-cache.js';
import { CountedCompanies } from '../src/store/counted-companies.js';
import { openPartitionStore } from '../src/store/open-partition-store.js';
import type { PartitionStore } from '../src/store/partition-store.js';
import { RocksStateDirectory } from '../src/store/rocks-state-directory.js';
import { encodeChanges } from '../src/store/state-changes.js';
import { USUAL_STATUSES, workload } from './lib/workload.js';
import { schemaSource } from '../testkit/schema-source.js';

const { values } = parseArgs({ options: { companies: { type: 'string', default: '8000' } } });
const COMPANIES = Number(values.companies);
const PARTITIONS = 4;
const BATCH_RECORDS = 10_000;
const DATASETS = 20;
const SCHEMA_ID = 7;
const CACHE_ROWS = 10_000_000;
const MAX_BATCH_BYTES = 900_000;
/** The place of the checksum in the header of a record batch. It covers the bytes after it. */
const CHECKSUM_AT = 17;
const ATTRIBUTES_AT = CHECKSUM_AT + 4;
const ORIGIN = { producerId: 1n, producerEpoch: 0, firstSequence: 0, timestamp: 1_700_000_000_000 };

const { syncEvent, clientSettings } = await loadReaderSchemas(join(import.meta.dirname, '..', 'schemas'));
const typeOf = (schema: object) => ({ id: SCHEMA_ID, type: avro.Type.forSchema(schema as avro.Schema) });
const encoder = new PlatformEncoder(typeOf(syncEvent), typeOf(clientSettings));
const clock = { now: Date.now, delay: () => Promise.reject(new Error('nothing is to be waited for')) };
const decoder = createSyncEventDecoder(syncEvent, {
  source: schemaSource(() => Promise.resolve(syncEvent)),
  clock,
  knownId: SCHEMA_ID,
});
const { signal } = new AbortController();
const ignore = (): void => undefined;
const context = {
  allDatasetsFrom: 0,
  settings: { ready: () => Promise.resolve(), policyOf: () => undefined },
  observer: { unknownStatus: ignore, forgotEarlyDatasets: ignore },
} as unknown as PipelineContext;

interface Partition {
  readonly store: PartitionStore;
  readonly cache: CompanyCache;
  records: RecordToWrite[];
  offset: number;
}

const STAGES = ['fetch', 'decode', 'decide', 'encode', 'apply', 'produce'] as const;
const spentUs = new Map<string, number>(STAGES.map((stage) => [stage, 0]));
let measuring = false;

/** The CPU time of all threads, including garbage collection and the store's own threads. */
async function timed<T>(stage: (typeof STAGES)[number], work: () => T | Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  if (measuring) spentUs.set(stage, (spentUs.get(stage) ?? 0) + user + system);
  return result;
}

async function processBatch(state: Partition, partition: number): Promise<number> {
  const written = state.records;
  state.records = [];
  const response = fetchResponse(written, state.offset);
  const records = await timed('fetch', () => {
    const read: LogRecord[] = [];
    new FetchedRecords(response, [], state.offset).read(read, Infinity);
    return read;
  });
  state.offset += written.length;
  const decoded = await timed('decode', () => decoder.begin(records, 'a bench').all(signal));
  const decisions = await timed('decide', () =>
    decide(
      context,
      { partition, counted: new CountedCompanies(null), holdRemoval: new HoldRemoval(), ...state },
      records,
      decoded,
      0,
      NO_LIMITS,
    ),
  );
  const position = { topic: 'sync-events', offset: state.offset, countedUnder: VOCABULARY };
  const encoded = await timed('encode', () =>
    encodeChanges(decisions.touched, position, state.store.position(), state.store.undoBytes),
  );
  await timed('apply', () => state.store.apply(encoded, position, Date.now()));
  await timed('produce', () => encodeAll(encoded.changes));
  state.store.confirm(state.offset);
  for (const rows of decisions.touched) rows.settle();
  state.cache.evict();
  return records.length;
}

function encodeAll(records: readonly RecordToWrite[]): void {
  const to = { topic: 'changelog', partition: 0 };
  for (let start = 0; start < records.length;) {
    const cut = cutBatch(records, start, MAX_BATCH_BYTES, records.length);
    void produce({ transactionalId: 'bench', to, records, start, cut, origin: ORIGIN, timeoutMs: 1 }).request.encode();
    start = cut.end;
  }
}

/** The bytes of one record batch, as on a broker, in a separate buffer. */
function fetchResponse(records: readonly RecordToWrite[], baseOffset: number): Buffer {
  const to = { topic: 'input', partition: 0 };
  const cut = cutBatch(records, 0, Infinity, records.length);
  const request = produce({ transactionalId: 'bench', to, records, start: 0, cut, origin: ORIGIN, timeoutMs: 1 });
  const { buf } = request.request.encode() as { buf: Buffer };
  const batch = Buffer.from(buf.subarray(buf.length - cut.bytes));
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt16BE(0, ATTRIBUTES_AT);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CHECKSUM_AT);
  return batch;
}

const folder = mkdtempSync(join(tmpdir(), 'company-sync-bench-'));
const NO_LIMITS = { rows: Infinity, bytes: Infinity };
const directory = new RocksStateDirectory(folder, clock);
const partitions: Partition[] = [];
for (let p = 0; p < PARTITIONS; p++) {
  const identity = { clusterId: 'bench', applicationId: 'bench', topic: 'sync-events', partition: p };
  const options = {
    identity,
    changelogEnd: 0,
    changelogLog: { topicId: null, leaderEpoch: -1 },
    endOfEpoch: () => Promise.resolve(null),
    isOnlyCopy: () => Promise.resolve(false),
    proved: true,
    maxAwayMs: Infinity,
    now: Date.now(),
    onSetAside: ignore,
  };
  const store = await openPartitionStore(directory, p, options);
  partitions.push({ store, cache: new CompanyCache(() => CACHE_ROWS), records: [], offset: 0 });
}

const shape = { companies: COMPANIES, inFlight: COMPANIES / 2, datasetsPerCompany: DATASETS, statuses: USUAL_STATUSES };
const TOTAL_RECORDS = COMPANIES * (1 + DATASETS * USUAL_STATUSES.length);
let seen = 0;
let measured = 0;
for (const { key, value } of workload(shape, encoder, new SeededRandom(1))) {
  measuring = seen++ > TOTAL_RECORDS / 3;
  const partition = Number.parseInt(key.slice(0, 2), 16) % PARTITIONS;
  const state = partitions[partition] as Partition;
  state.records.push({ key: Buffer.from(key), value, headers: NO_HEADERS });
  if (state.records.length < BATCH_RECORDS) continue;
  const records = await processBatch(state, partition);
  if (measuring) measured += records;
}
let sum = 0;
for (const [stage, us] of spentUs) {
  sum += us / measured;
  console.log(`${stage.padEnd(8)} ${(us / measured).toFixed(2).padStart(6)} us of CPU a record`);
}
console.log(`${'all'.padEnd(8)} ${sum.toFixed(2).padStart(6)} us of CPU a record, of ${measured} records`);
for (const { store } of partitions) await store.close();
rmSync(folder, { recursive: true });
