/**
 * Records that exceed a limit, and the largest company within all limits, through decoding, rules, store and encoding.
 */
import avro from 'avsc';
import type { Decoded } from '../../../src/decode/bad-record.js';
import type { Payload } from '../../../src/domain/events.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { NO_HEADERS } from '../../../src/lib/record.js';
import { DAY_MS } from '../../../src/lib/time-units.js';
import { cutBatch } from '../../../src/kafka/protocol/record-batch-encoder.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { HoldRemoval } from '../../../src/pipeline/hold-removal.js';
import { decide } from '../../../src/pipeline/decide.js';
import type { DecidedBatch } from '../../../src/pipeline/decisions.js';
import { deadLetterOf } from '../../../src/publish/dead-letter.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { encodeChanges, type StateChange } from '../../../src/store/state-changes.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { newestSchema } from '../../../testkit/schema-file.js';
import {
  decoderOf,
  eventValue,
  framed,
  notAborted,
  recordOf,
  registryOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
} from '../decode/sync-events.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const MAX_RECORD_BYTES = 8 * 1024 * 1024;
const USUAL_BATCH_BYTES = 900_000;
const NOW = Date.UTC(2024, 0, 1);
const NO_LIMITS = { rows: Infinity, bytes: Infinity };
const folder = temporaryFolder();
const writer = avro.Type.forSchema(syncEventSchema() as unknown as avro.Schema);

const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema() }));

class Partition {
  readonly rows: StateChange[] = [];
  #offset = 0;
  #position = positionRow(0);
  readonly #cache = new CompanyCache(() => 0);
  readonly #holdRemoval = new HoldRemoval();

  private constructor(private readonly store: PartitionStore) {}

  static async open(): Promise<Partition> {
    return new Partition(await open(new RocksStateDirectory(folder(), { now: () => NOW })));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  record(key: string, value: Buffer, timestamp = NOW): LogRecord {
    return { offset: this.#offset++, timestamp, key: Buffer.from(key), value, headers: NO_HEADERS };
  }

  /** Decides a batch as it was decoded, and applies it to the store. */
  async take(records: readonly LogRecord[], decoded: readonly Decoded[]): Promise<DecidedBatch> {
    const context: Partial<PipelineContext> = {
      allDatasetsFrom: Date.UTC(2023, 9, 10),
      settings: { ready: () => Promise.resolve(), policyOf: () => undefined },
      clock: { now: () => NOW, delay: () => Promise.resolve() },
      observer: { unknownStatus: () => undefined } as Partial<
        PipelineContext['observer']
      > as PipelineContext['observer'],
    };
    const counted = new CountedCompanies(null);
    const at = { partition: 0, store: this.store, counted, cache: this.#cache, holdRemoval: this.#holdRemoval };
    const batch = await decide(context as PipelineContext, at, records, decoded, 0, NO_LIMITS);
    const position = positionRow(this.#offset);
    const encoded = encodeChanges(batch.touched, position, this.#position);
    this.#position = position;
    this.rows.push(...encoded.changes);
    await this.store.apply(encoded, position, NOW);
    this.store.confirm(this.#offset);
    for (const rows of batch.touched) rows.settle();
    this.#cache.evict();
    return batch;
  }

  /** As `take`, for records that are decoded here. */
  async read(...records: readonly LogRecord[]): Promise<DecidedBatch> {
    return this.take(records, await decoder.begin(records, 'a test').all(notAborted()));
  }
}

function status(companyId: string, changes: object = {}): Buffer {
  const value = eventValue({ 'companysync.DatasetStatusChanged': { ...STATUS, ...changes } }, { companyId });
  return framed(SCHEMA_ID, writer.toBuffer(value));
}

function deleted(companyId: string): Buffer {
  return framed(SCHEMA_ID, writer.toBuffer(eventValue({ 'companysync.CompanyDeleted': {} }, { companyId })));
}

let partition: Partition;
beforeEach(async () => {
  partition = await Partition.open();
});
afterEach(() => partition.close());

test('a record with a text that is too long is a dead letter that holds its company, and nothing of it is stored', async () => {
  const long = 'd'.repeat(1_025);
  const batch = await partition.read(partition.record('a', status('a', { datasetId: long })));
  expect(batch.badRecords).toMatchObject([{ code: 'too-large', heldCompanyId: 'a' }]);
  expect(batch.badRecords[0]?.message).toContain('its datasetId has 1025 bytes, and at most 1024 are allowed');
  expect(partition.rows.map(({ key }) => String.fromCharCode(key[0] as number)).sort()).toEqual(['C', 'H', 'P']);
});

test.each([-1, NOW * 1_000, NOW + 1, NOW - 30 * DAY_MS])(
  'the age of a hold of a record stamped %d counts from now on',
  async (stamp) => {
    const batch = await partition.read(partition.record('a', Buffer.from('nonsense'), stamp));
    expect(batch.touched[0]?.hold('0/0')).toMatchObject({ timestamp: NOW });
  },
);

test('a record beyond a limit is ignored if its company is deleted or announced', async () => {
  await partition.read(partition.record('a', deleted('a')));
  const record = partition.record('a', status('a', { datasetId: 'd'.repeat(1_025) }));
  const batch = await partition.read(record, partition.record('a', Buffer.from('nonsense')));
  expect(batch.badRecords).toMatchObject([{ code: 'bad-framing' }]); // which is a dead letter anyway
  expect(batch.ignored.final).toBe(1);
});

test('a key of 1 MB costs nothing but its dead letter, however many come', async () => {
  const key = 'k'.repeat(1_000_000);
  const records = Array.from({ length: 20 }, () => partition.record(key, Buffer.from('nonsense')));
  const batch = await partition.read(...records, partition.record(key, status(key)));
  expect(batch.badRecords.map(({ code }) => code)).toEqual([...Array<string>(20).fill('bad-framing'), 'too-large']);
  expect(batch.touched).toEqual([]);
  const [first] = batch.badRecords;
  const letter = deadLetterOf(first!.record, first!, { topic: 'sync-events', partition: 0 });
  const ownBytes = records[0]!.key!.length + records[0]!.value!.length;
  expect(cutBatch([letter], 0, 0, 1).bytes - ownBytes).toBeLessThan(4_096);
});

test.each([-1, 0, Math.floor(NOW / 1_000)])(
  'a record stamped %s completes nothing early, is counted, and is not an old hold',
  async (timestamp) => {
    const manifest = {
      linkId: 'l',
      connectionId: 'c',
      sourceType: 's',
      companyName: 'n',
      isFinal: false,
      datasets: [{ datasetId: STATUS.datasetId, dataType: 'invoices' }],
    };
    const value = eventValue({ 'companysync.LinkSyncQueued': manifest }, { companyId: 'a' });
    const batch = await partition.read(
      partition.record('a', framed(SCHEMA_ID, writer.toBuffer(value)), timestamp),
      partition.record('a', status('a'), timestamp),
      partition.record('a', status('a'), NOW),
      partition.record('b', Buffer.from('nonsense'), timestamp),
    );
    expect(batch.announcements).toEqual([]);
    expect(batch.undated).toEqual({ count: 3, example: { offset: 3, timestamp, companyId: 'b' } });
    expect(batch.touched.find(({ companyId }) => companyId === 'b')?.hold('0/3')).toMatchObject({ timestamp: NOW });
  },
);

test('the largest company within the limits makes rows and an announcement of less than 8 MiB each', async () => {
  const long = (text: string) => text.padEnd(1_024, 'x');
  const companyId = long('company');
  const event = (payload: Payload): Decoded => {
    const common = { companyId, clientId: long('client'), timestamp: NOW, repairs: [] };
    return { ...common, offset: 0, payload };
  };
  /** A new link, connection and up to this many datasets, each text as long as it may be. */
  const manifest = (i: number, datasets: number): Payload => ({
    kind: 'manifest',
    linkId: long(`l${i}`),
    connectionId: long(`c${i}`),
    sourceType: long('s'),
    isFinal: true,
    companyName: long('name'),
    datasets: Array.from({ length: datasets }, (_, d) => ({ datasetId: long(`d${i}-${d}`), dataType: long('type') })),
  });
  const heapBefore = process.memoryUsage().heapUsed;
  let refused = 0;
  for (const [from, datasets] of [
    [0, 200],
    [1_000, 10],
    [2_000, 0],
  ] as const)
    for (let i = from; ; i++) {
      const record = partition.record(companyId, Buffer.alloc(0));
      const item = { ...event(manifest(i, datasets)), offset: record.offset };
      const { badRecords } = await partition.take([record], [item]);
      if (badRecords.length === 0) continue;
      expect(badRecords).toMatchObject([{ code: 'too-large' }]);
      refused++;
      break;
    }
  expect(refused).toBe(3);
  // Every hold is lifted, one dataset becomes Complete, and every connection is unlinked.
  const repairs = partition.rows.flatMap(({ key }) =>
    key[0] === 0x48 ? [key.subarray(key.lastIndexOf(0x78) + 1).toString()] : [],
  );
  const complete = partition.record(companyId, Buffer.alloc(0));
  const done: Payload = {
    kind: 'status',
    datasetId: long('d0-0'),
    status: 'Complete',
    trigger: 'LINK',
    revision: null,
  };
  const last = await partition.take([complete], [{ ...event(done), offset: complete.offset, repairs }]);
  let announced = last.announcements;
  for (const from of [0, 1_000])
    for (let i = from; announced.length === 0 && i < from + 50; i++) {
      const record = partition.record(companyId, Buffer.alloc(0));
      const unlinked: Payload = { kind: 'unlinked', connectionId: long(`c${i}`) };
      announced = (await partition.take([record], [{ ...event(unlinked), offset: record.offset }])).announcements;
    }
  expect(announced).toHaveLength(1);

  const type = avro.Type.forSchema(newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value') as avro.Schema);
  const records = new CompanySynchronizedRecords({ type, schemaId: 1, applicationId: 'app', eventNamespace: 'app' });
  const outbound = records.recordOf(announced[0]!.announcement, { topic: 't', partition: 0 }, recordOf());
  const bytes = cutBatch([outbound], 0, USUAL_BATCH_BYTES, 1).bytes;
  expect(bytes).toBeGreaterThan(5.8 * 1024 * 1024);
  expect(bytes).toBeLessThan(6 * 1024 * 1024);
  for (const [i] of partition.rows.entries())
    expect(cutBatch(partition.rows, i, 0, 1).bytes).toBeLessThan(MAX_RECORD_BYTES);
  // Several rows go into one batch only while they fit it.
  for (let start = 0; start < partition.rows.length;) {
    const cut = cutBatch(partition.rows, start, USUAL_BATCH_BYTES, 10_000);
    expect(cut.bytes <= USUAL_BATCH_BYTES || cut.end === start + 1).toBe(true);
    start = cut.end;
  }
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(300 * 1024 * 1024);
});
