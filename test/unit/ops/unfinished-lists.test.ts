/** Lists of unfinished companies, on a real store. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { MAX_LIST, merge, UnfinishedLists } from '../../../src/ops/unfinished-lists.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const COMPANIES = 3_000;
/** 2024-01-01T00:00:00Z, in hours: only times since 2015 count as dates. */
const EPOCH_HOUR = 473_352;
const folder = temporaryFolder();
let store: PartitionStore;
let now = 0;
let looks = 0;
let lists: UnfinishedLists;

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
  lists = new UnfinishedLists(
    { statuses: () => new Map([[0, { state: 'running', reason: null }]]), committed },
    () => now,
  );
});
afterEach(() => store.close());

test('a list has those without progress for longest, and how many there are in all', async () => {
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

test('a scan that takes too long ends, and says that it has not seen all', async () => {
  lists = new UnfinishedLists(
    { statuses: () => new Map([[0, { state: 'running', reason: null }]]), committed: () => store.committed() },
    () => (now += 1_500),
  );
  const { count, complete } = await lists.list('pending', 10);
  expect(complete).toBe(false);
  expect(count).toBeLessThan(COMPANIES);
  expect(count).toBeGreaterThan(0);
});

test('an instance of an earlier release, which gives no count, counts what it lists', async () => {
  const own = await lists.list('held', 3);
  const { companies, complete } = own;
  expect(merge([own, { companies, complete }], 4)).toMatchObject({ count: COMPANIES / 3 + 3, complete: true });
});
