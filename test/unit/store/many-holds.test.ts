/** A read-only look at a company with very many holds, on a real store. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import { explain } from '../../../src/domain/explain.js';
import { MAX_LISTED_HOLDS } from '../../../src/domain/limits.js';
import { hold } from '../../../src/domain/transition.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { readCompany } from '../../../src/store/company-loading.js';
import { encodeChanges } from '../../../src/store/state-changes.js';
import { open, positionRow } from './partition-fixture.js';
import { temporaryFolder } from './temporary-folder.js';

const HOLDS = 100_000;
const folder = temporaryFolder();

test('of 100,000 holds 5,000 are read and listed, and all are counted', async () => {
  const store = await open(new RocksStateDirectory(folder(), { now: () => 0 }));
  const rows = new CompanyRows('held');
  rows.loadCompany(null);
  for (let i = 0; i < HOLDS; i++) hold(rows, `0/${i}`, 'undecodable', { heldSince: 0 });
  await store.apply(encodeChanges([rows], positionRow(1), null), positionRow(1), 0);
  store.confirm(1);
  const committed = store.committed();
  const read = (await readCompany(committed, 'held')) as CompanyRows;
  expect(read.holds()).toHaveLength(MAX_LISTED_HOLDS);
  const asOf = { topic: 't', partition: 0, offset: 1 };
  const { holds, sentence, notes } = explain(read, { asOf, policy: 'ALL_DATASETS' });
  expect(holds).toHaveLength(MAX_LISTED_HOLDS);
  expect(sentence).toMatch(/^held: record 0\/0 could not be decoded, and 99999 more records hold it/);
  expect(notes).toContain('100000 records hold it, of which 5000 are listed');
  await committed.close();
  await store.close();
});
