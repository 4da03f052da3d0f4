/** A partition whose transactions are too slow for their timeout must make progress, whatever slows them. */
import { setImmediate as turn } from 'node:timers/promises';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError, FencedError } from '../../../src/pipeline/errors.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PartitionStatus, PipelineObserver } from '../../../src/pipeline/observer.js';
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import type { LogBatch, LogReader, TransactionalProducer } from '../../../src/pipeline/ports.js';
import { ReaderClosedError } from '../../../src/pipeline/errors.js';
import type { Decoded } from '../../../src/decode/bad-record.js';
import type { LogRecord, RecordToWrite } from '../../../src/lib/record.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { never, UNUSED_PRODUCER, UNUSED_LOGS } from './unused-ports.js';

const TRANSACTION_TIMEOUT_MS = 20_000;
const folder = temporaryFolder();

/** Every record is a bad record that holds no company: it causes a dead letter, and no rows. */
class SlowKafka {
  now = 1_000_000;
  committed: number | null = null;
  readonly changelog: LogRecord[] = [];
  fencings = 0;
  /** The number of records of each transaction that was tried, and the time of its begin. */
  readonly tried: { readonly records: number; readonly begunAt: number }[] = [];
  readonly statuses: PartitionStatus[] = [];
  throttledUntil = 0;
  /** The number of rows of each transaction, including the position row. */
  readonly rowsTried: number[] = [];
  /** The records; by default, bad records that hold no company. */
  decodeOne: (record: LogRecord) => Decoded = (record) => ({
    record,
    code: 'missing-key',
    message: 'no key',
    heldCompanyId: null,
  });

  constructor(
    readonly input: number,
    /** How long a transaction of this many records is open, and how long brokers throttle because of it. */
    readonly cost: (records: number) => { readonly openMs: number; readonly throttledMs: number },
  ) {}

  producer(): TransactionalProducer {
    let begunAt = 0;
    let offset = 0;
    let rows: readonly RecordToWrite[] = [];
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const kafka = this;
    return {
      ...UNUSED_PRODUCER,
      lostConnection: () => false,
      get throttledMs() {
        return Math.max(0, kafka.throttledUntil - kafka.now);
      },
      begin: () => {
        begunAt = this.now;
        return Promise.resolve();
      },
      prepare: (to, records) => {
        const { length } = records;
        if (to.topic !== TOPICS.deadLetter) rows = [...records];
        return () => {
          if (to.topic !== TOPICS.deadLetter) {
            this.rowsTried.push(length);
            return Promise.resolve(this.changelog.length + length);
          }
          this.tried.push({ records: length, begunAt });
          const { openMs, throttledMs } = this.cost(length);
          this.now += openMs;
          this.throttledUntil = this.now + throttledMs;
          return Promise.resolve(length);
        };
      },
      sendOffset: (_, at) => {
        offset = at.offset;
        return Promise.resolve();
      },
      commit: () => {
        if (this.now - begunAt > TRANSACTION_TIMEOUT_MS)
          return Promise.reject(new FencedError('EndTxn was refused: INVALID_PRODUCER_EPOCH (47)'));
        this.committed = offset;
        // No markers: nobody could read them here.
        for (const row of rows) this.changelog.push({ ...row, offset: this.changelog.length, timestamp: this.now });
        return Promise.resolve();
      },
      discard: () => Promise.resolve(),
    };
  }

  changelogReader(from: number): LogReader {
    return readerOf(
      from,
      (at) => this.changelog.slice(at),
      () => this.changelog.length,
    );
  }

  reader(from: number): LogReader {
    const recordsAt = (at: number, most: number) =>
      Array.from({ length: Math.min(most, this.input - at) }, (_, i) => ({
        offset: at + i,
        timestamp: 0,
        key: null,
        value: null,
        headers: [],
      }));
    return readerOf(from, recordsAt, () => this.input);
  }
}

/** Reads a log to its end, and then waits until it is closed. */
function readerOf(from: number, recordsAt: (at: number, most: number) => LogRecord[], end: () => number): LogReader {
  let at = from;
  let close: () => void = () => undefined;
  const closed = new Promise<never>((_, reject) => (close = () => reject(new ReaderClosedError('closed'))));
  closed.catch(() => undefined);
  const next = (most: number): Promise<LogBatch> => {
    if (at >= end()) return closed;
    const records = recordsAt(at, most);
    at += records.length;
    return Promise.resolve({ records, nextOffset: at, endOffset: end(), leaderEpoch: -1 });
  };
  return { next, close: () => close() };
}

/** Runs until everything is committed, or until this many transactions were tried. */
async function played(kafka: SlowKafka, maxTried: number, loadBytes = Infinity): Promise<void> {
  const disk = await RocksDbStore.open(folder());
  const observer: Partial<PipelineObserver> = {
    step: () => undefined,
    batch: () => undefined,
    deadLetter: () => undefined,
    error: () => undefined,
    companies: () => undefined,
    restore: () => undefined,
    setAside: never,
    state: (_, status) => kafka.statuses.push(status),
  };
  const context: Partial<PipelineContext> = {
    applicationId: 'app',
    clusterId: 'cluster',
    topics: TOPICS,
    deleteRetentionMs: 1e12,
    stalledAfterMs: 1e12,
    decidingSettings: new Map(),
    mayChangeSettings: false,
    allDatasetsFrom: 0,
    cacheBytes: () => 1e6,
    loadBytes: () => loadBytes,
    statePositions: new StatePositions(),
    known: new KnownState(null),
    clock: {
      now: () => kafka.now,
      delay: async (ms) => {
        await turn();
        kafka.now += ms;
      },
    },
    partitioner: { partitionFor: () => 0, targets: () => ({ partitions: [0], isExclusive: true }) },
    membership: { start: never, stop: never, confirmed: () => Promise.resolve() },
    settings: { ready: () => Promise.resolve(), policyOf: never },
    state: {
      open: () => Promise.resolve({ ...forward(disk), close: () => Promise.resolve() }),
      setAside: never,
      readSetAside: () => Promise.resolve(null),
    },
    decode: (records) => ({ next: () => Promise.resolve(records.map((record) => kafka.decodeOne(record))) }),
    encodeDeadLetter: () => ({ key: null, value: Buffer.alloc(1), headers: [] }),
    transactions: {
      fence: () => {
        kafka.fencings++;
        return Promise.resolve(kafka.producer());
      },
    },
    inputLogs: {
      reader: (_, from) => kafka.reader(from),
      bounds: () => Promise.resolve({ start: 0, end: kafka.input, highWatermark: kafka.input, ...SEEN_BY_MOST }),
      committedOffset: () =>
        Promise.resolve(kafka.committed === null ? null : { offset: kafka.committed, leaderEpoch: -1 }),
      endOfEpoch: never,
      pendingOffset: () => Promise.resolve({ isPending: false, byMost: true }),
    },
    changelogLogs: {
      ...UNUSED_LOGS,
      reader: (_, from) => kafka.changelogReader(from),
      bounds: () => {
        const end = kafka.changelog.length;
        return Promise.resolve({ start: 0, end, highWatermark: end, ...SEEN_BY_MOST });
      },
    },
    observer: observer as PipelineObserver,
  };
  const task = new PartitionTask(context as PipelineContext, 0);
  while (kafka.committed !== kafka.input && kafka.tried.length < maxTried) await turn();
  task.stop();
  await task.ended;
  await disk.close();
}

function forward(disk: RocksDbStore) {
  return {
    read: disk.read.bind(disk),
    scan: disk.scan.bind(disk),
    page: disk.page.bind(disk),
    snapshot: disk.snapshot.bind(disk),
    write: disk.write.bind(disk),
  };
}

test('transactions that outlast their timeout get smaller, over take-overs, until they are committed', async () => {
  const kafka = new SlowKafka(2_000, (records) => ({ openMs: records * 100, throttledMs: 0 }));
  await played(kafka, 200);
  expect(kafka.committed).toBe(kafka.input);
  expect(kafka.fencings).toBeLessThanOrEqual(3);
  const reasons = kafka.statuses.map(({ reason }) => reason ?? '').filter((reason) => reason.includes('at most'));
  expect(reasons[0]).toMatch(/at most \d+ records, because one failed after \d+\.\d s/);
});

test('a single record that takes half a timeout is committed', async () => {
  const kafka = new SlowKafka(5, (records) => ({ openMs: records * 10_000, throttledMs: 0 }));
  await played(kafka, 50);
  expect(kafka.committed).toBe(5);
  expect(kafka.tried.at(-1)).toMatchObject({ records: 1 });
});

test('a partition waits while brokers throttle before its next transaction, which is smaller', async () => {
  const kafka = new SlowKafka(3_000, (records) => ({ openMs: 1, throttledMs: records * 20 }));
  await played(kafka, 200);
  expect(kafka.committed).toBe(kafka.input);
  expect(kafka.fencings).toBe(1);
  kafka.tried.slice(1).forEach(({ begunAt }, index) => {
    const before = kafka.tried[index];
    expect(begunAt - (before?.begunAt ?? 0)).toBeGreaterThanOrEqual((before?.records ?? 0) * 20);
  });
  expect(Math.max(...kafka.tried.slice(2).map(({ records }) => records))).toBeLessThanOrEqual(200);
});

test('a partition that is fast has batches of the usual size, and says nothing', async () => {
  const kafka = new SlowKafka(50_000, () => ({ openMs: 5, throttledMs: 0 }));
  await played(kafka, 200);
  expect(kafka.committed).toBe(kafka.input);
  expect(Math.max(...kafka.tried.map(({ records }) => records))).toBe(10_000);
  expect(kafka.statuses.filter(({ state }) => state === 'running')).toEqual([{ state: 'running', reason: null }]);
});

test('errors before the transaction begins do not change its size', async () => {
  const kafka = new SlowKafka(50_000, () => ({ openMs: 5, throttledMs: 0 }));
  const producer = kafka.producer.bind(kafka);
  let failures = 5;
  kafka.producer = () => {
    const session = producer();
    const begin = (): Promise<void> =>
      kafka.committed !== null && failures-- > 0 ? Promise.reject(new BrokerError('no leader')) : session.begin([]);
    return { ...session, begin };
  };
  await played(kafka, 3);
  expect(kafka.tried[0]?.records).toBe(625);
});

/**
 * Each record is the manifest of another company, with ten datasets, and has a date, for what has none is dated later.
 */
function manifests(kafka: SlowKafka): void {
  const timestamp = Date.UTC(2024, 0);
  kafka.now = timestamp; // A date in the future would be replaced, too.
  const datasets = Array.from({ length: 10 }, (_, i) => ({ datasetId: `d${i}`, dataType: 'invoices' }));
  kafka.decodeOne = ({ offset }) => ({
    companyId: `c${offset}`,
    clientId: 'client',
    offset,
    timestamp,
    repairs: [],
    payload: {
      kind: 'manifest',
      linkId: 'l',
      connectionId: 'k',
      sourceType: 's',
      companyName: 'n',
      isFinal: true,
      datasets,
    },
  });
}

test('a transaction ends early if its records change many rows', async () => {
  const kafka = new SlowKafka(625, () => ({ openMs: 5, throttledMs: 0 }));
  manifests(kafka);
  await played(kafka, 200);
  expect(kafka.committed).toBe(kafka.input);
  // Of 625 records with 12 rows each, as many as reach 3,125 rows. Rows of the first commit: origin and position.
  const [, first] = kafka.rowsTried;
  expect(first).toBeGreaterThan(3_125);
  expect(first).toBeLessThanOrEqual(3_125 + 12);
});

test('a transaction ends early if its records load many bytes', async () => {
  const kafka = new SlowKafka(100, () => ({ openMs: 5, throttledMs: 0 }));
  manifests(kafka);
  await played(kafka, 200, 30_000);
  expect(kafka.committed).toBe(kafka.input);
  // Ten datasets bring between 5,000 and 10,000 bytes, with their changes.
  const rows = kafka.rowsTried.slice(1);
  expect(Math.max(...rows)).toBeLessThanOrEqual(7 * 12);
  expect(rows[0]).toBeGreaterThanOrEqual(3 * 12);
});

test('a single record may load more bytes than the limit of a transaction', async () => {
  const kafka = new SlowKafka(100, () => ({ openMs: 5, throttledMs: 0 }));
  manifests(kafka);
  await played(kafka, 200, 0);
  expect(kafka.committed).toBe(kafka.input);
  expect(Math.max(...kafka.rowsTried.slice(1))).toBe(10 + 3 + 1);
});
