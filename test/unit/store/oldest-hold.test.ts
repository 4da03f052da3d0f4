/** The oldest hold of a partition, by the committed rows alone. */
import { hold } from '../../../src/domain/transition.js';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { oldestHold } from '../../../src/store/oldest-hold.js';
import type { PartitionStore } from '../../../src/store/partition-store.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const FIRST = Date.UTC(2024, 0, 1);

function company(companyId: string, ...stamps: readonly number[]): CompanyRows {
  const rows = new CompanyRows(companyId);
  rows.loadCompany(null);
  for (const stamp of stamps) hold(rows, `3/${stamp}`, 'bad-framing', { heldSince: stamp });
  return rows;
}

async function oldest(store: PartitionStore): Promise<number | null> {
  const rows = store.committed();
  const found = await oldestHold(rows);
  await rows.close();
  return found;
}

test('the oldest date of all holds is found, without the batch whose transaction is open', async () => {
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const [a, b] = [company('a', FIRST + 500, FIRST + 900), company('b', FIRST + 700, -1)];
  await store.apply(encodeChanges([a, b], positionRow(1), null), positionRow(1), 0);
  expect(await oldest(store)).toBeNull();
  store.confirm(1);
  expect(await oldest(store)).toBe(FIRST + 500);

  for (const rows of [a, b]) rows.settle();
  a.setHold(`3/${FIRST + 500}`, null);
  await store.apply(encodeChanges([a, b], positionRow(2), positionRow(1)), positionRow(2), 0);
  expect(await oldest(store)).toBe(FIRST + 500);
  store.confirm(2);
  expect(await oldest(store)).toBe(FIRST + 700);
  await store.close();
});
