/** Looking a company up, on a real store. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import { CompanyDirectory } from '../../../src/ops/company-directory.js';
import type { PartitionOwner } from '../../../src/pipeline/ports.js';
import type { CommittedRows } from '../../../src/store/committed-rows.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { companyKey } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from '../store/partition-fixture.js';
import { temporaryFolder } from '../store/temporary-folder.js';

const OTHER = 'http://10.0.0.2:8080';
const OPTIONS = {
  topic: 'sync-events',
  partitions: 1,
  policyOf: () => 'ALL_DATASETS' as const,
  announced: () => Promise.resolve('it was not announced'),
};
const folder = temporaryFolder();
let store: PartitionStore;
let reading = 0;
let read: (keys: readonly Buffer[]) => unknown = () => undefined;
let mostReading = 0;
let directory: CompanyDirectory;

beforeEach(async () => {
  [reading, mostReading] = [0, 0];
  store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const company = new CompanyRows('acme');
  company.loadCompany(null);
  company.setCompany(NEW_COMPANY);
  await store.apply(encodeChanges([company], positionRow(1), null), positionRow(1), 0);
  store.confirm(1);
  directory = directoryOf(1);
});
afterEach(() => store.close());

/** This instance has partition 0. Another one owns the others, and says that it looked in `lookedIn`. */
function directoryOf(partitions: number, lookedIn: readonly number[] | null = []): CompanyDirectory {
  const others = Array.from({ length: partitions - 1 }, (_, i) => ({ partition: i + 1, httpAddress: OTHER }));
  return new CompanyDirectory({
    ...OPTIONS,
    partitions,
    local: { statuses: () => new Map([[0, { state: 'running', reason: null }]]), committed: () => counted(store) },
    owners: () => Promise.resolve(others as unknown as readonly PartitionOwner[]),
    peers: { has: () => Promise.resolve({ has: false, partitions: lookedIn }) },
  });
}

/** Counts the open snapshots of rows. */
function counted(of: PartitionStore): CommittedRows {
  const rows = of.committed();
  mostReading = Math.max(mostReading, ++reading);
  const close = rows.close.bind(rows);
  const readRows = rows.read.bind(rows);
  rows.read = (keys) => {
    read(keys);
    return readRows(keys);
  };
  rows.close = () => {
    reading--;
    return close();
  };
  return rows;
}

test('for any number of requests, one company is read at a time', async () => {
  const found = await Promise.all(Array.from({ length: 20 }, () => directory.find('acme')));
  expect(found.map(({ kind }) => kind)).toEqual(Array.from({ length: 20 }, () => 'here'));
  expect([mostReading, reading]).toEqual([1, 0]);
});

test('whether a company is here is answered from one row', async () => {
  const keys: Buffer[] = [];
  read = (asked) => keys.push(...asked);
  expect(await directory.hasHere('acme')).toEqual({ kind: 'present' });
  expect(await directory.hasHere('unknown')).toEqual({ kind: 'absent', partitions: [0] });
  expect(keys).toEqual([companyKey('acme'), companyKey('unknown')]);
  expect(reading).toBe(0);
});

test('a look-up that fails does not block others', async () => {
  await store.close();
  await expect(directory.findHere('acme')).rejects.toThrow();
  await expect(directory.findHere('acme')).rejects.toThrow();
});

test.each([
  ['looked in all its partitions', [1, 2], { kind: 'nowhere' }],
  ['is of the previous release, which does not say where it looked', null, { kind: 'nowhere' }],
  [
    'does not run a partition any more',
    [1],
    { kind: 'cannot-tell', reasons: ['partition 2 moves to another instance'] },
  ],
])('a company is unknown only if every partition was looked in: the other instance %s', async (_, lookedIn, found) => {
  expect(await directoryOf(3, lookedIn).find('unknown')).toMatchObject(found);
});

test('an instance that runs no partition any more, and is still the owner, does not call a company unknown', async () => {
  const left = new CompanyDirectory({
    ...OPTIONS,
    local: { statuses: () => new Map(), committed: () => null },
    owners: () => Promise.resolve([{ partition: 0, httpAddress: OTHER }] as unknown as readonly PartitionOwner[]),
    // Its own address: it asks itself.
    peers: { has: () => Promise.resolve({ has: false, partitions: [] }) },
  });
  expect(await left.find('acme')).toMatchObject({ kind: 'cannot-tell' });
});
