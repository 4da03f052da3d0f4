import { CompanyRows } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { DatasetRow } from '../../../src/domain/rows.js';
import { decodeUndo } from '../../../src/store/partition-meta.js';
import { decodeCompanyRow, decodeDatasetRow, decodePositionRow } from '../../../src/store/row-codec.js';
import { companyKey, datasetKey, holdKey, infoKey, parseRowKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';

const COMPANY = '0f8fad5b-d9cb-469f-a165-70867728950e';
const position = { topic: 'sync-events', offset: 20, countedUnder: 1 };
const dataset: DatasetRow = { place: null, status: 'Queued', revision: null, offset: 3, timestamp: 4 };

function newCompany(companyId: string): CompanyRows {
  const rows = new CompanyRows(companyId);
  rows.loadCompany(null);
  return rows;
}

/** Each change, with the prior that the undo has for its key. */
function changesWithPriors(...batch: Parameters<typeof encodeChanges>) {
  const { changes, undo } = encodeChanges(...batch);
  const priors = decodeUndo(undo).reverse();
  expect(priors.map(({ key }) => key)).toEqual(changes.map(({ key }) => key));
  return changes.map((change, i) => ({ ...change, prior: priors[i]?.value }));
}

test('every kind of changed row comes with its key, its value and its prior, and the position row last', () => {
  const rows = new CompanyRows(COMPANY);
  rows.loadCompany(NEW_COMPANY);
  rows.loadInfo(null);
  rows.loadDataset('d', dataset);
  rows.loadHold('3/7', { code: 'undecodable', timestamp: 1 });
  rows.setCompany({ ...NEW_COMPANY, named: 1 });
  rows.setInfo({ clientId: 'c', companyName: 'n', connections: [], links: [] });
  rows.setDataset('d', { ...dataset, status: 'Complete' });
  rows.setHold('3/7', null);

  const [company, info, changed, hold, last, ...rest] = changesWithPriors([rows], position, null);
  expect(rest).toEqual([]);
  expect(company?.key).toEqual(companyKey(COMPANY));
  expect(decodeCompanyRow(company?.value as Buffer)).toEqual({ ...NEW_COMPANY, named: 1 });
  expect(decodeCompanyRow(company?.prior as Buffer)).toEqual(NEW_COMPANY);
  expect(info?.key).toEqual(infoKey(COMPANY));
  expect(info?.prior).toBeNull();
  expect(changed?.key).toEqual(datasetKey(COMPANY, 'd'));
  expect(decodeDatasetRow(changed?.value as Buffer).status).toBe('Complete');
  expect(decodeDatasetRow(changed?.prior as Buffer).status).toBe('Queued');
  expect(hold?.key).toEqual(holdKey(COMPANY, '3/7'));
  expect(hold?.value).toBeNull();
  expect(last?.key).toEqual(POSITION_KEY);
  expect(decodePositionRow(last?.value as Buffer)).toEqual(position);
  expect(last?.prior).toBeNull();
});

test('the prior position is the undo of the position row', () => {
  const [only] = changesWithPriors([], position, { topic: 'sync-events', offset: 10, countedUnder: 1 });
  expect(decodePositionRow(only?.prior as Buffer).offset).toBe(10);
});

test('a row created and deleted within one batch is not a change', () => {
  const rows = newCompany(COMPANY);
  rows.setDataset('d', dataset);
  rows.setDataset('d', null);
  rows.setCompany({ outcome: 'deleted', offset: 1, timestamp: 2 });
  const kinds = encodeChanges([rows], position, null).changes.map(({ key }) => parseRowKey(key).kind);
  expect(kinds).toEqual(['company', 'position']);
});

test('a company without changes adds nothing, and neither do settled changes', () => {
  const settled = newCompany(COMPANY);
  settled.setDataset('d', dataset);
  settled.settle();
  expect(encodeChanges([settled, newCompany('other')], position, null).changes).toHaveLength(1);
});

test('the bytes of many rows stay apart', () => {
  const companies = Array.from({ length: 3_000 }, (_, i) => {
    const rows = newCompany(`company ${i}`);
    rows.setDataset(`dataset ${i}`, { ...dataset, offset: i, status: 'x'.repeat(i % 500) });
    return rows;
  });
  const { changes } = encodeChanges(companies, position, null);
  for (const [i, change] of changes.slice(0, -1).entries()) {
    expect(change.key).toEqual(datasetKey(`company ${i}`, `dataset ${i}`));
    expect(decodeDatasetRow(change.value as Buffer)).toMatchObject({ offset: i, status: 'x'.repeat(i % 500) });
  }
});
