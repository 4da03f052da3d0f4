/** When the watch reads companies, and when it must not: on a real store, with a simulated clock and broker. */
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { CompanyRow, PendingCompany } from '../../../src/domain/rows.js';
import { AtEndNotes } from '../../../src/pipeline/at-end-notes.js';
import { BatchLimits } from '../../../src/pipeline/batch-limits.js';
import type { PipelineContext } from '../../../src/pipeline/context.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { ChangelogTail } from '../../../src/pipeline/changelog-tail.js';
import { StatePositions } from '../../../src/pipeline/state-positions.js';
import { KnownState } from '../../../src/pipeline/known-state.js';
import type { PendingCompanies, PipelineObserver } from '../../../src/pipeline/observer.js';
import type { TransactionalProducer } from '../../../src/pipeline/ports.js';
import { StalledWatch } from '../../../src/pipeline/stalled-watch.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksDbStore } from '../../../src/store/rocks-db-store.js';
import { decodeCompanyRow, writeCompanyRow } from '../../../src/store/row-codec.js';
import { companyKey } from '../../../src/store/row-keys.js';
import { temporaryFolder } from '../store/temporary-folder.js';
import { TOPICS } from './topics.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';
import { UNUSED_PRODUCER } from './unused-ports.js';

const STALLED_AFTER_MS = 10 * HOUR_MS;
/** 2024: what is before 2015 is no date. */
const EPOCH_HOUR = 473_352;
const INPUT_END = 100;
const folder = temporaryFolder();

class Watched {
  now = 0;
  /** The clock that nobody sets; null while it is equal to `now`. */
  steadyMs: number | null = null;
  inputEnd: number | BrokerError = INPUT_END;
  byMost = true;
  throttledMs = 0;
  loadBytes = Infinity;
  readonly reported: string[] = [];
  readonly counts: PendingCompanies[] = [];
  readonly watch: StalledWatch;
  #changelogEnd = 0;

  private constructor(readonly disk: RocksDbStore) {
    const store = new PartitionStore(disk, () => Promise.resolve(), { offset: 0, atEndMs: 0 }, null);
    const done = () => Promise.resolve();
    const throttledMs = () => this.throttledMs;
    const producer: TransactionalProducer = {
      ...UNUSED_PRODUCER,
      lostConnection: () => false,
      get throttledMs() {
        return throttledMs();
      },
      begin: done,
      sendOffset: done,
      commit: done,
      discard: done,
      prepare: (_to, { length }) => {
        return () => Promise.resolve((this.#changelogEnd += length));
      },
    };
    const observer: Partial<PipelineObserver> = {
      step: () => undefined,
      stalled: (_partition, { companyId }) => this.reported.push(companyId),
      companies: (_partition, counts) => this.counts.push(counts),
    };
    const context: Partial<PipelineContext> = {
      topics: TOPICS,
      stalledAfterMs: STALLED_AFTER_MS,
      loadBytes: () => this.loadBytes,
      clock: {
        now: () => this.now,
        monotonicMs: () => this.steadyMs ?? this.now,
        delay: () => new Promise(() => undefined),
      },
      statePositions: new StatePositions(),
      known: new KnownState(null),
      partitioner: { partitionFor: () => 0, targets: () => ({ partitions: [0], isExclusive: true }) },
      inputLogs: {
        bounds: () =>
          this.inputEnd instanceof BrokerError
            ? Promise.reject(this.inputEnd)
            : Promise.resolve({ start: 0, end: 0, highWatermark: this.inputEnd, ...SEEN_BY_MOST, byMost: this.byMost }),
        pendingOffset: () => Promise.resolve({ isPending: false, byMost: true }),
      } as Partial<PipelineContext['inputLogs']> as PipelineContext['inputLogs'],
      changelogLogs: {
        // Above the store's position, so nothing is noted.
        bounds: () => Promise.resolve({ start: 0, end: 99, highWatermark: 99, ...SEEN_BY_MOST }),
      } as Partial<PipelineContext['changelogLogs']> as PipelineContext['changelogLogs'],
      encodeStall: ({ companyId }) => ({ key: Buffer.from(companyId), value: Buffer.alloc(0), headers: [] }),
      observer: observer as PipelineObserver,
    };
    const cache = new CompanyCache(() => 0);
    const owned = {
      producer,
      store,
      tail: new ChangelogTail(0),
      counted: new CountedCompanies(null),
      from: 0,
      origin: new Map<string, string>(),
      inputLog: { topicId: null, leaderEpoch: -1 },
      mustWriteOriginFirst: false,
      notes: new AtEndNotes(context as PipelineContext, 0, store),
    };
    const limits = new BatchLimits({ now: () => this.now });
    this.watch = new StalledWatch(context as PipelineContext, 0, owned, cache, limits);
    this.#store = store;
  }

  readonly #store: PartitionStore;

  static async of(companies: Readonly<Record<string, Partial<PendingCompany>>>): Promise<Watched> {
    const watched = new Watched(await RocksDbStore.open(folder()));
    const to = new ByteWriter();
    const changes = Object.entries(companies).map(([companyId, row]) => {
      to.begin();
      writeCompanyRow(to, { ...NEW_COMPANY, ...row });
      return { key: companyKey(companyId), value: to.end() };
    });
    await watched.disk.write(changes);
    return watched;
  }

  /** Runs a slice whenever one is due, `slices` times. */
  async look(slices: number, passed = INPUT_END): Promise<void> {
    for (let i = 0; i < slices; i++) {
      this.now += this.watch.restMs;
      await this.watch.look(passed);
      await this.#store.flush();
    }
  }

  async flagOf(companyId: string): Promise<boolean> {
    return (await this.rowOf(companyId)).stalled;
  }

  async rowOf(companyId: string): Promise<PendingCompany> {
    const [row] = await this.disk.read([companyKey(companyId)]);
    return decodeCompanyRow(row as Buffer) as PendingCompany;
  }
}

let watched: Watched;
afterEach(() => watched.disk.close());

test("a backlog is not a stall: no company is judged before the partition has reached the input's end", async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  await watched.look(5, INPUT_END - 1);
  expect(watched.reported).toEqual([]);
  await watched.look(1, INPUT_END);
  expect(watched.reported).toEqual(['quiet']);
});

test('every stall is reported once, with its flag in the store, over many slices and passes', async () => {
  const names = Array.from({ length: 450 }, (_, i) => `company ${i}`);
  watched = await Watched.of(
    Object.fromEntries(names.map((name, i) => [name, { progressHour: EPOCH_HOUR + (i < 400 ? 0 : 19) }])),
  );
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  await watched.look(9);
  expect([...watched.reported].sort()).toEqual(names.slice(0, 400).sort());
  expect(await Promise.all([watched.flagOf('company 0'), watched.flagOf('company 400')])).toEqual([true, false]);
  expect(watched.counts).toEqual(Array(3).fill({ pending: 450, held: 0, stalled: 400, failed: 0 }));
});

test('if a broker does not return the end of the input, the partition runs on, and the broker is asked again', async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR, holds: 0 } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  watched.inputEnd = new BrokerError('away');
  await watched.look(2);
  expect(watched.reported).toEqual([]);
  watched.inputEnd = INPUT_END;
  await watched.look(1);
  expect(watched.reported).toEqual(['quiet']);
});

test('no pass begins before it is due', async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  await watched.look(1);
  await watched.watch.look(INPUT_END);
  expect(watched.watch.restMs).toBe(60_000);
  expect(watched.counts).toHaveLength(1);
});

test('no pass runs while the brokers throttle: a transaction that is open meanwhile could time out', async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  watched.throttledMs = 1;
  await watched.look(3);
  expect(watched.reported).toEqual([]);
  watched.throttledMs = 0;
  await watched.look(1);
  expect(watched.reported).toEqual(['quiet']);
});

test('a clock that is set back does not stop the watch', async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  await watched.look(1);
  watched.steadyMs = watched.now + 60_000;
  watched.now -= 5 * HOUR_MS;
  expect(watched.watch.restMs).toBe(0);
  await watched.watch.look(INPUT_END);
  expect(watched.counts).toHaveLength(2);
  expect(watched.watch.restMs).toBe(60_000);
});

test('a company whose records have no date waits from the first pass that finds it, not from 1970', async () => {
  // As this release writes it; as one did that took -1, and seconds, for milliseconds.
  watched = await Watched.of({
    missing: { progressHour: EPOCH_HOUR },
    minus: { progressHour: -1 },
    seconds: { progressHour: 472 },
    microseconds: { progressHour: EPOCH_HOUR * 1_000 },
  });
  watched.now = EPOCH_HOUR * HOUR_MS;
  await watched.look(1);
  expect(watched.reported).toEqual([]);
  expect(watched.counts).toEqual([{ pending: 4, held: 0, stalled: 0, failed: 0 }]);
  expect((await watched.rowOf('seconds')).progressHour).toBe(EPOCH_HOUR);
  watched.now = EPOCH_HOUR * HOUR_MS + STALLED_AFTER_MS + HOUR_MS;
  await watched.look(1);
  expect(watched.reported.sort()).toEqual(['microseconds', 'minus', 'missing', 'seconds']);
});

test('an end of the input from too few brokers is not used: it may be old', async () => {
  watched = await Watched.of({ quiet: { progressHour: EPOCH_HOUR, holds: 0 } });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  watched.byMost = false;
  await watched.look(3);
  expect(watched.reported).toEqual([]);
  watched.byMost = true;
  await watched.look(1);
  expect(watched.reported).toEqual(['quiet']);
});

test('a company that was reported as failed is counted, and never reported as stalled', async () => {
  const row = { progressHour: EPOCH_HOUR };
  watched = await Watched.of({ failed: { ...row, failureReported: true }, other: row });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  await watched.look(2);
  expect(watched.reported).toEqual(['other']);
  expect(watched.counts.at(-1)).toEqual({ pending: 2, held: 0, stalled: 1, failed: 1 });
});

describe('finished companies', () => {
  const ANNOUNCED: CompanyRow = { outcome: 'announced-elsewhere', offset: 1, timestamp: 1 };

  async function withFinished(count: number, unfinished: number): Promise<void> {
    watched = await Watched.of(
      Object.fromEntries(Array.from({ length: unfinished }, (_, i) => [`pending ${i}`, { progressHour: EPOCH_HOUR }])),
    );
    const to = new ByteWriter();
    const finished = Array.from({ length: count }, (_, i) => {
      to.begin();
      writeCompanyRow(to, ANNOUNCED);
      return { key: companyKey(`finished ${i}`), value: to.end() };
    });
    await watched.disk.write(finished);
    watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  }

  test('are read once in a folder of an older release, which lacks marks, and never again', async () => {
    await withFinished(1_000, 3);
    await watched.look(6); // 1,003 rows, 200 at a time.
    expect(watched.counts).toEqual([{ pending: 3, held: 0, stalled: 3, failed: 0 }]);
    await watched.look(2); // One slice for each pass.
    expect(watched.counts).toEqual(Array(3).fill({ pending: 3, held: 0, stalled: 3, failed: 0 }));
    expect(watched.reported.sort()).toEqual(['pending 0', 'pending 1', 'pending 2']);
  });

  test('a pass over marks finds all companies, over several slices', async () => {
    await withFinished(0, 450);
    await watched.look(3); // The pass that makes the marks.
    await watched.look(3);
    expect(watched.counts).toEqual(Array(2).fill({ pending: 450, held: 0, stalled: 450, failed: 0 }));
    expect(watched.reported).toHaveLength(450);
  });
});

test('a slice loads no more stalled companies than fit into memory', async () => {
  watched = await Watched.of({
    a: { progressHour: EPOCH_HOUR },
    b: { progressHour: EPOCH_HOUR },
    c: { progressHour: EPOCH_HOUR },
  });
  watched.now = (EPOCH_HOUR + 20) * HOUR_MS;
  watched.loadBytes = 1;
  for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
    await watched.look(1);
    expect(watched.reported).toEqual(expected);
  }
});
