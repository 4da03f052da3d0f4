/**
 * The first take-over by a release that knows more status words, on a real store. The previous release has left
 * companies waiting for a word that it did not know, and their rows are as it wrote them.
 */
import { classOf, isLaterTerminal, VOCABULARY } from '../../../src/domain/statuses.js';
import type { Announcement } from '../../../src/domain/announcement.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { CompanyRow, DatasetRow, PendingCompany } from '../../../src/domain/rows.js';
import type { BadRecord } from '../../../src/decode/bad-record.js';
import { NO_HEADERS, type LogRecord, type RecordToWrite } from '../../../src/lib/record.js';
import { commitBatch } from '../../../src/pipeline/commit-batch.js';
import { AtEndNotes } from '../../../src/pipeline/at-end-notes.js';
import { BatchLimits } from '../../../src/pipeline/batch-limits.js';
import { ChangelogTail } from '../../../src/pipeline/changelog-tail.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { HoldRemoval } from '../../../src/pipeline/hold-removal.js';
import { decide } from '../../../src/pipeline/decide.js';
import type { DecidedBatch } from '../../../src/pipeline/decisions.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PipelineObserver, RecountedCompanies } from '../../../src/pipeline/observer.js';
import type { TransactionalProducer } from '../../../src/pipeline/ports.js';
import { StalledWatch } from '../../../src/pipeline/stalled-watch.js';
import type { OwnedPartition } from '../../../src/pipeline/take-over.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import type { KeyChange } from '../../../src/store/key-value-store.js';
import { decodeUndo, UNDO_KEY } from '../../../src/store/partition-meta.js';
import { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import {
  decodeCompanyRow,
  decodePositionRow,
  writeCompanyRow,
  writeDatasetRow,
  writeInfoRow,
  writePositionRow,
} from '../../../src/store/row-codec.js';
import { companyKey, datasetKey, infoKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { TOPICS } from './topics.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import { UNUSED_PRODUCER } from './unused-ports.js';

const ALL_DATASETS_FROM = 1_000 * HOUR_MS;
/** The committed position of the input. */
const POSITION = 100;
const folder = temporaryFolder();

type Statuses = Readonly<Record<string, readonly [status: string, offset: number]>>;

/** The timestamp of the record at an offset. */
const stampOf = (offset: number) => ALL_DATASETS_FROM + offset;

function encoded<T>(write: (to: ByteWriter, row: T) => void, row: T): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to, row);
  return to.end();
}

/** One sealed link with these datasets, as written by a release that treats later words as in progress. */
function companyOfOldRelease(companyId: string, statuses: Statuses, other: Partial<PendingCompany> = {}): KeyChange[] {
  const classes = Object.values(statuses).map(([status]) =>
    isLaterTerminal(status) ? 'in-progress' : classOf(status),
  );
  const count = (wanted: string) => classes.filter((is) => is === wanted).length;
  const company: CompanyRow = {
    ...NEW_COMPANY,
    named: classes.length,
    unfinished: count('in-progress'),
    succeeded: count('succeeded'),
    links: 1,
    ...other,
  };
  const info = {
    clientId: 'client',
    companyName: 'name',
    connections: [{ connectionId: 'c', sourceType: 'Accounting' }],
    links: [{ linkId: 'l', connection: 0, sealed: true, endedAt: null }],
  };
  const datasets = Object.entries(statuses).map(([datasetId, [status, offset]]) => {
    const place = { link: 0, connection: 0, dataType: 'invoices' };
    const row: DatasetRow = { place, status, revision: null, offset, timestamp: stampOf(offset) };
    return { key: datasetKey(companyId, datasetId), value: encoded(writeDatasetRow, row) };
  });
  return [
    { key: companyKey(companyId), value: encoded(writeCompanyRow, company) },
    { key: infoKey(companyId), value: encoded(writeInfoRow, info) },
    ...datasets,
  ];
}

/** One partition, restarted again and again. A transaction that fails is not committed, and its batch is undone. */
class Partition {
  readonly disk: RocksDbStore;
  readonly announced: Announcement[] = [];
  readonly recounts: RecountedCompanies[] = [];
  /** For each of the next transactions: whether its commit fails. Later ones commit. */
  readonly failing: boolean[] = [];
  commits = 0;
  owned!: OwnedPartition;
  watch!: StalledWatch;
  readonly limits = new BatchLimits({ now: () => this.#now });
  #cache!: CompanyCache;
  #context!: PipelineContext;
  #now = 0;
  #changelogEnd = 0;

  private constructor(disk: RocksDbStore) {
    this.disk = disk;
  }

  static async of(...companies: readonly KeyChange[][]): Promise<Partition> {
    const partition = new Partition(await RocksDbStore.open(folder()));
    await partition.disk.write(companies.flat());
    await partition.oldReleaseRan();
    await partition.takeOver();
    return partition;
  }

  /** An older release has committed a transaction with these rows. */
  async oldReleaseRan(...rows: readonly KeyChange[]): Promise<void> {
    const position = { topic: TOPICS.input, offset: POSITION, countedUnder: 1 };
    await this.disk.write([...rows, { key: POSITION_KEY, value: encoded(writePositionRow, position) }]);
  }

  async takeOver(): Promise<void> {
    const [undo] = await this.disk.read([UNDO_KEY]);
    if (undo != null) await this.disk.write([...decodeUndo(undo), { key: UNDO_KEY, value: null }]);
    const [row] = await this.disk.read([POSITION_KEY]);
    const position = decodePositionRow(row as Buffer);
    const store = new PartitionStore(this.disk, () => Promise.resolve(), { offset: 0, atEndMs: 0 }, position);
    this.#context = this.#contextOf() as PipelineContext;
    this.#cache = new CompanyCache(() => 0);
    this.owned = {
      producer: this.#producer(),
      store,
      tail: new ChangelogTail(this.#changelogEnd),
      from: POSITION,
      counted: new CountedCompanies(position),
      origin: new Map<string, string>(),
      mustWriteOriginFirst: false,
      inputLog: { topicId: null, leaderEpoch: -1 },
      notes: new AtEndNotes(this.#context, 0, store),
    };
    this.watch = new StalledWatch(this.#context, 0, this.owned, this.#cache, this.limits);
  }

  /** Runs slices until nothing is left to count again. */
  async pass(): Promise<void> {
    while (!this.owned.counted.all) await this.slice();
  }

  async slice(): Promise<void> {
    this.#now += this.watch.restMs;
    await this.watch.look(POSITION);
    await this.owned.store.flush();
  }

  /** Reads records of companies in one batch, the first at POSITION. */
  async read(
    ...payloads: readonly (readonly [companyId: string, payload: Payload | 'bad-record'])[]
  ): Promise<DecidedBatch> {
    const records = payloads.map(([companyId], i): LogRecord => {
      const offset = POSITION + i;
      return { offset, timestamp: stampOf(offset), key: Buffer.from(companyId), value: null, headers: NO_HEADERS };
    });
    const decoded = payloads.map(([companyId, payload], i): InputEvent | BadRecord => {
      const record = records[i] as LogRecord;
      if (payload === 'bad-record') return { record, code: 'undecodable', message: '', heldCompanyId: companyId };
      const { offset, timestamp } = record;
      return { companyId, clientId: 'client', offset, timestamp, repairs: [], payload };
    });
    const { store, counted } = this.owned;
    const at = { partition: 0, store, counted, cache: this.#cache, holdRemoval: new HoldRemoval() };
    const decisions = await decide(this.#context, at, records, decoded, 0, { rows: Infinity, bytes: Infinity });
    await commitBatch(this.#context, 0, this.owned, decisions, POSITION + records.length);
    this.#cache.evict();
    await store.flush();
    return decisions;
  }

  async row(companyId: string): Promise<CompanyRow> {
    const [row] = await this.disk.read([companyKey(companyId)]);
    return decodeCompanyRow(row as Buffer);
  }

  async countedUnder(): Promise<number> {
    const [row] = await this.disk.read([POSITION_KEY]);
    return decodePositionRow(row as Buffer).countedUnder;
  }

  #producer(): TransactionalProducer {
    const open: RecordToWrite[] = [];
    const done = () => Promise.resolve();
    return {
      ...UNUSED_PRODUCER,
      lostConnection: () => false,
      begin: done,
      sendOffset: done,
      discard: done,
      prepare: ({ topic }, records) => {
        if (topic === TOPICS.synchronized) open.push(...records);
        const { length } = records; // Emptied by then.
        return () => {
          this.commits += 1;
          if (topic === TOPICS.changelog) this.#changelogEnd += length;
          return Promise.resolve(this.#changelogEnd);
        };
      },
      commit: () => {
        if (this.failing.shift() === true) return Promise.reject(new BrokerError('away'));
        for (const { value } of open.splice(0)) this.announced.push(JSON.parse(String(value)) as Announcement);
        return Promise.resolve();
      },
    };
  }

  #contextOf(): Partial<PipelineContext> {
    const ignore = () => undefined;
    const observer: Partial<PipelineObserver> = {
      step: ignore,
      announced: ignore,
      unknownStatus: ignore,
      forgotEarlyDatasets: ignore,
      companies: ignore,
      recounted: (_partition, counts) => this.recounts.push(counts),
    };
    return {
      loadBytes: () => Infinity,
      topics: TOPICS,
      stalledAfterMs: HOUR_MS,
      allDatasetsFrom: ALL_DATASETS_FROM,
      statePositions: new StatePositions(),
      known: new KnownState(null),
      settings: { ready: () => Promise.resolve(), policyOf: () => undefined },
      clock: { now: () => this.#now, delay: () => new Promise(ignore) },
      partitioner: { partitionFor: () => 0, targets: () => ({ partitions: [0], isExclusive: true }) },
      encodeAnnouncement: (announcement) => ({
        key: Buffer.from(announcement.companyId),
        headers: NO_HEADERS,
        value: Buffer.from(JSON.stringify(announcement)),
      }),
      encodeDeadLetter: ({ record }) => record,
      observer: observer as PipelineObserver,
    };
  }
}

const statusOf = (datasetId: string, status: string, trigger: 'LINK' | 'REFRESH' = 'LINK'): Payload => ({
  kind: 'status',
  datasetId,
  status,
  trigger,
  revision: null,
});

/** The later word came at 20, before the last record. */
const WAITING = { a: ['Complete', 30], b: ['RoutingError', 20], d: ['FetchError', 10] } as const;
const AS_OF_20 = { offset: 20, synchronizedAt: stampOf(20), policy: 'ALL_DATASETS', succeeded: 1, failed: 2 };

let partition: Partition;
afterEach(() => partition.disk.close());

test("the pass announces a company that waited only for a later word, once, with that word's record as source", async () => {
  partition = await Partition.of(
    companyOfOldRelease('waiting', WAITING),
    companyOfOldRelease('other', { a: ['Queued', 1] }),
  );
  await partition.pass();
  expect(partition.announced).toMatchObject([{ companyId: 'waiting', late: true, clientId: 'client', ...AS_OF_20 }]);
  expect(partition.recounts).toEqual([{ companies: 1, announced: 1 }]);
  expect(await partition.countedUnder()).toBe(VOCABULARY);

  await partition.takeOver();
  expect(partition.owned.counted.all).toBe(true);
  await partition.read(['waiting', statusOf('b', 'RoutingError')]);
  expect(partition.announced).toHaveLength(1);
});

test.each<[string, Payload | 'bad-record']>([
  ['a status that changes nothing', statusOf('a', 'Complete', 'REFRESH')],
  ['a re-queue', statusOf('b', 'Queued')],
  ['bad-record', 'bad-record'],
])(
  'before %s that comes before the pass is applied, the company is announced as by the pass',
  async (_what, payload) => {
    partition = await Partition.of(companyOfOldRelease('waiting', WAITING));
    const { completing, ignored, badRecords } = await partition.read(['waiting', payload]);
    expect([completing, ignored.final + badRecords.length]).toEqual([0, 1]);
    expect(partition.announced).toMatchObject([{ companyId: 'waiting', ...AS_OF_20 }]);
    expect(await partition.row('waiting')).toMatchObject({ outcome: 'announced', offset: 20 });
    await partition.pass();
    expect(partition.announced).toHaveLength(1);
  },
);

test('a company that another system has announced is not announced late', async () => {
  partition = await Partition.of(companyOfOldRelease('waiting', WAITING));
  await partition.read(['waiting', { kind: 'announced-elsewhere' }]);
  await partition.pass();
  expect(partition.announced).toEqual([]);
});

test('a record that completes the company before the pass announces it, and not the later word', async () => {
  const statuses = { ...WAITING, a: ['Fetching', 5] } as const;
  partition = await Partition.of(companyOfOldRelease('waiting', statuses));
  await partition.read(['waiting', statusOf('a', 'Complete')]);
  expect(partition.announced).toMatchObject([{ offset: POSITION, synchronizedAt: stampOf(POSITION), late: false }]);
});

test('a company is not announced if nothing is Complete, if a hold is open, or if the later word is in progress', async () => {
  partition = await Partition.of(
    companyOfOldRelease('failed', { a: ['RoutingError', 20] }),
    companyOfOldRelease('held', WAITING, { holds: 1 }),
    companyOfOldRelease('routing', { a: ['Complete', 30], b: ['Routing', 20] }),
    companyOfOldRelease('open', WAITING, { unsealed: 1 }),
  );
  await partition.pass();
  expect(partition.announced).toEqual([]);
  const counts = await Promise.all(['failed', 'held', 'routing', 'open'].map((id) => partition.row(id)));
  expect(counts).toMatchObject([
    { outcome: 'pending', unfinished: 1, laterFinished: null },
    { outcome: 'pending', unfinished: 1, laterFinished: null },
    { outcome: 'pending', unfinished: 1, laterFinished: 0 },
    { outcome: 'pending', unfinished: 1, laterFinished: null },
  ]);
});

test('a company that the pass has counted is announced by the record that completes it, after a take-over too', async () => {
  partition = await Partition.of(companyOfOldRelease('waiting', { ...WAITING, a: ['Fetching', 5] }));
  await partition.pass();
  await partition.takeOver();
  await partition.read(['waiting', statusOf('a', 'Complete')]);
  expect(partition.announced).toMatchObject([{ companyId: 'waiting', offset: POSITION, failed: 2 }]);
});

test('a pass whose transaction fails announces each company once after the next take-over', async () => {
  const names = ['one', 'six', 'two'];
  partition = await Partition.of(...names.map((name) => companyOfOldRelease(name, WAITING)));
  partition.failing.push(true);
  await expect(partition.pass()).rejects.toThrow(BrokerError);
  expect(partition.announced).toEqual([]);
  await partition.takeOver();
  expect(partition.owned.counted.all).toBe(false);
  await partition.pass();
  expect(partition.announced.map(({ companyId }) => companyId)).toEqual(names);
});

test('an older release that runs in between is noticed: its changes are counted again, and no company is announced early', async () => {
  const before = { a: ['Complete', 30], b: ['RoutingError', 20], d: ['Fetching', 10] } as const;
  partition = await Partition.of(companyOfOldRelease('early', before), companyOfOldRelease('late', before));
  await partition.pass();

  // For the older release neither change affects the counts: it writes the dataset rows, and leaves the company rows
  // with their mark.
  const requeued = companyOfOldRelease('early', { ...before, b: ['Fetching', 40] }).slice(2);
  const failed = companyOfOldRelease('late', { ...before, d: ['RoutingError', 41] }).slice(2);
  await partition.oldReleaseRan(...requeued, ...failed);
  await partition.takeOver();
  await partition.read(['early', statusOf('d', 'Complete')]);
  expect(partition.announced).toEqual([]);
  await partition.pass();
  expect(partition.announced).toMatchObject([{ companyId: 'late', offset: 41 }]);
  await partition.takeOver();
  await partition.read(['early', statusOf('b', 'Complete')]);
  expect(partition.announced.map(({ companyId }) => companyId)).toEqual(['late', 'early']);
});

test('the size of a company is counted again after an older release gave a dataset a long status word', async () => {
  const word = 'w'.repeat(1_000);
  const sizes = { a: ['Fetching', 30], b: ['Queued', 20] } as const;
  const measured = { announcementBytes: 500 }; // by this release, before the older one ran
  partition = await Partition.of(companyOfOldRelease('large', { ...sizes, a: [word, 40] }, measured));
  await partition.pass();
  const { announcementBytes } = (await partition.row('large')) as PendingCompany;
  expect(announcementBytes).toBeGreaterThan(1_000);
});

test('the pass continues from slice to slice, and a company that it has not reached is counted when it is loaded', async () => {
  const many = Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`d-${i}`, ['Queued', i] as const]));
  partition = await Partition.of(companyOfOldRelease('large', many), companyOfOldRelease('waiting', WAITING));
  await partition.slice();
  expect([partition.announced.length, partition.owned.counted.all]).toEqual([0, false]);
  await partition.read(['waiting', statusOf('a', 'Complete', 'REFRESH')]);
  expect(partition.announced).toMatchObject([{ companyId: 'waiting', ...AS_OF_20 }]);
  expect(await partition.countedUnder()).toBe(1);
  await partition.pass();
  expect(await partition.countedUnder()).toBe(VOCABULARY);
});

test('a slice is no larger than the transactions that the brokers allow', async () => {
  const names = ['one', 'six', 'two'];
  partition = await Partition.of(...names.map((name) => companyOfOldRelease(name, WAITING)));
  partition.limits.failed({ records: 3, rows: 16 }, 60_000);
  expect(partition.limits.rows).toBe(1);
  await partition.slice();
  expect(partition.announced).toHaveLength(1);
  await partition.pass();
  expect(partition.announced.map(({ companyId }) => companyId)).toEqual(names);
});

test('a slice whose transaction fails makes the next one smaller', async () => {
  partition = await Partition.of(companyOfOldRelease('one', WAITING));
  const { rows } = partition.limits;
  partition.failing.push(true);
  await expect(partition.pass()).rejects.toThrow(BrokerError);
  expect(partition.limits.rows).toBeLessThan(rows);
});
