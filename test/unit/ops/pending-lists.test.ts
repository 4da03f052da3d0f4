/** Lists of pending companies, on a real store. */
import { setImmediate } from 'node:timers/promises';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { MAX_LIST, merge, PendingLists } from '../../../src/ops/pending-lists.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import type { CommittedRows } from '../../../src/store/committed-rows.js';
import type { Pair } from '../../../src/store/key-value-store.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { writeCompanyRow } from '../../../src/store/row-codec.js';
import { companyKey } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { MARK, markOf } from '../../../src/store/pending-index.js';
import { heapInUse } from '../../../testkit/heap.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const RUNNING: PartitionStatus = { state: 'running', reason: null };
const COMPANIES = 3_000;
/** 2024-01-01T00:00:00Z, in hours: only times since 2015 count as dates. */
const EPOCH_HOUR = 473_352;
const folder = temporaryFolder();
let store: PartitionStore;
let now = 0;
let looks = 0;
let lists: PendingLists;

beforeEach(async () => {
  [now, looks] = [0, 0];
  store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const companies = Array.from({ length: COMPANIES }, (_, i) => {
    const rows = new CompanyRows(`company ${i}`);
    rows.loadCompany(null);
    rows.setCompany({ ...NEW_COMPANY, progressHour: EPOCH_HOUR + COMPANIES - i, holds: i % 3 === 0 ? 1 : 0 });
    return rows;
  });
  await store.apply(encodeChanges(companies, positionRow(1), null), positionRow(1), 0);
  store.confirm(1);
  const committed = () => {
    looks++;
    return store.committed();
  };
  lists = new PendingLists({ statuses: () => new Map([[0, RUNNING]]), committed }, () => now);
});
afterEach(() => store.close());

test('a list has the companies without progress for longest, and the total number', async () => {
  const { companies, count, complete } = await lists.list('pending', 2);
  expect(companies.map(({ companyId }) => companyId)).toEqual(['company 2999', 'company 2998']);
  expect([count, complete]).toEqual([COMPANIES, true]);
  const held = await lists.list('held', MAX_LIST);
  expect(held.companies).toHaveLength(MAX_LIST);
  expect(held.companies[0]?.companyId).toBe('company 2997');
  expect(held.count).toBe(COMPANIES / 3);
});

test('many requests at once cost two scans, and those of the next second none', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, (_, i) => lists.list(i % 2 === 0 ? 'held' : 'pending', 10)));
  expect(all.every(({ companies }) => companies.length === 10)).toBe(true);
  expect(looks).toBeLessThanOrEqual(2);
  looks = 0;
  now = 999;
  await lists.list('stalled', 10);
  expect(looks).toBe(0);
  now = 1_000;
  await lists.list('stalled', 10);
  expect(looks).toBe(1);
});

test('a scan that takes too long ends, and reports that it is incomplete', async () => {
  lists = new PendingLists(
    { statuses: () => new Map([[0, RUNNING]]), committed: () => store.committed() },
    () => (now += 1_500),
  );
  const { count, complete } = await lists.list('pending', 10);
  expect(complete).toBe(false);
  expect(count).toBeLessThan(COMPANIES);
  expect(count).toBeGreaterThan(0);
});

/** Only pending companies. `atEnd` is called when all of them were read. */
function manyCompanies(count: number, idBytes: number, atEnd: () => void = () => undefined): CommittedRows {
  const to = new ByteWriter();
  to.begin();
  writeCompanyRow(to, { ...NEW_COMPANY, progressHour: EPOCH_HOUR });
  const row = to.end();
  async function* pairs(): AsyncGenerator<Pair> {
    for (let i = 0; i < count; i++) yield { key: markOf(companyKey(String(i).padStart(idBytes, '0'))), value: MARK };
    await setImmediate();
    atEnd();
  }
  const rows = { pairs, read: (keys: readonly Buffer[]) => Promise.resolve(keys.map(() => row)) };
  return { ...rows, close: () => Promise.resolve() } as Partial<CommittedRows> as CommittedRows;
}

test('a scan looks at 50,000 companies of a partition at most', async () => {
  const statuses = () => new Map([[0, RUNNING]]);
  lists = new PendingLists({ statuses, committed: () => manyCompanies(60_000, 10) }, () => now);
  expect(await lists.list('pending', 1)).toMatchObject({ count: 50_000, complete: false });
});

test("a scan keeps only a list's number of companies in memory", async () => {
  const before = heapInUse();
  let grown = 0;
  const statuses = () => new Map(Array.from({ length: 4 }, (_, partition) => [partition, RUNNING]));
  const atEnd = () => (grown = Math.max(grown, heapInUse() - before));
  lists = new PendingLists({ statuses, committed: () => manyCompanies(8_000, 1_000, atEnd) }, () => now);
  expect((await lists.list('pending', MAX_LIST)).count).toBe(32_000);
  expect(grown).toBeLessThan(10_000_000); // All of the ids together have 32 MB.
});

test('if an instance of an earlier release reports no count, its listed companies are counted', async () => {
  const own = await lists.list('held', 3);
  const { companies, complete } = own;
  expect(merge([own, { companies, complete }], 4)).toMatchObject({ count: COMPANIES / 3 + 3, complete: true });
});
