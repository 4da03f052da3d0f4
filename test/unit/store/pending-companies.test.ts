/** Pending companies are found by their marks, which go with the rows through batches, undo and replay. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { CompanyRow } from '../../../src/domain/rows.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { visitPending } from '../../../src/store/pending-companies.js';
import { open, positionRow } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const openStore = (name: string) => open(new RocksStateDirectory(`${folder()}/${name}`, { now: () => 0 }));
const DELETED: CompanyRow = { outcome: 'deleted', offset: 1, timestamp: 1 };
const STALLED: CompanyRow = { ...NEW_COMPANY, stalled: true };

function change(companyId: string, before: CompanyRow | null, after: CompanyRow): CompanyRows {
  const rows = new CompanyRows(companyId);
  rows.loadCompany(before);
  rows.setCompany(after);
  return rows;
}

function batch(position: number, prior: number | null, ...touched: CompanyRows[]) {
  return encodeChanges(touched, positionRow(position), prior === null ? null : positionRow(prior));
}

const FIRST = () =>
  batch(1, null, change('a', null, NEW_COMPANY), change('b', null, STALLED), change('c', null, DELETED));
const SECOND = () => batch(2, 1, change('a', NEW_COMPANY, DELETED), change('d', null, NEW_COMPANY));

async function unfinished(store: PartitionStore, limit = 10): Promise<string> {
  const seen: string[] = [];
  const view = store.committed();
  const all = await visitPending(view, limit, (companyId) => seen.push(companyId));
  await view.close();
  return `${seen.sort().join(' ')}${all ? '' : ' ...'}`;
}

test('a company is marked from its first row to its last, and the mark is undone with its batch', async () => {
  const store = await openStore('x');
  await store.apply(FIRST(), positionRow(1), 0);
  expect(await unfinished(store)).toBe('');
  store.confirm(1);
  expect(await unfinished(store)).toBe('a b');
  expect(await unfinished(store, 1)).toBe('a ...');
  await store.apply(SECOND(), positionRow(2), 0);
  expect(await unfinished(store)).toBe('a b');
  await store.close(); // without the second batch confirmed: it is undone
  const again = await openStore('x');
  expect(await unfinished(again)).toBe('a b');
  await again.apply(SECOND(), positionRow(2), 0);
  again.confirm(9);
  expect(await unfinished(again)).toBe('b d');
  await again.close();
});

test('a replay of the changelog, which has no marks, creates the same marks', async () => {
  const [first, second] = [FIRST(), SECOND()];
  const store = await openStore('y');
  await store.replay(
    [...first.changes, ...second.changes].map((change, offset) => ({ ...change, offset })),
    9,
  );
  expect(await unfinished(store)).toBe('b d');
  for (const { changes } of [first, second]) expect(changes.map(({ key }) => key[0])).not.toContain('U'.charCodeAt(0));
  await store.close();
});
