import { CompanyRows, type ChangeVisitor } from '../../../src/domain/company-rows.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { DatasetRow, HoldRow, InfoRow } from '../../../src/domain/rows.js';

const INFO: InfoRow = { clientId: 'client', companyName: 'name', connections: [], links: [] };
const DATASET: DatasetRow = { place: null, status: 'Queued', revision: null, offset: 1, timestamp: 1 };
const LATER: DatasetRow = { ...DATASET, status: 'Fetching', offset: 2 };
const HOLD: HoldRow = { code: 'undecodable', timestamp: 1 };
const FINAL = { outcome: 'deleted', offset: 9, timestamp: 9 } as const;

function loadedRows(): CompanyRows {
  const rows = new CompanyRows('company');
  rows.loadCompany(NEW_COMPANY);
  return rows;
}

function changesOf(rows: CompanyRows): unknown[] {
  const changes: unknown[] = [];
  const note = (...change: unknown[]) => changes.push(change);
  const visitor: ChangeVisitor = { company: note, info: note, firstSync: note, dataset: note, hold: note };
  rows.visitChanges(visitor);
  return changes;
}

describe('a row that was not loaded', () => {
  test('never counts as one that does not exist', () => {
    const rows = new CompanyRows('company');
    expect(() => rows.company).toThrow('not loaded');
    expect(() => rows.info).toThrow('not loaded');
    expect(() => rows.firstSync).toThrow('not loaded');
    expect(() => rows.dataset('a')).toThrow('not loaded');
    expect(() => rows.hold('0/1')).toThrow('not loaded');
    expect(() => rows.datasets()).toThrow('not loaded');
    expect(() => rows.holds()).toThrow('not loaded');
    expect(() => rows.reduceTo(FINAL)).toThrow('not loaded');
  });

  test('cannot be overwritten, because its prior is unknown', () => {
    const rows = new CompanyRows('company');
    expect(() => rows.setCompany(NEW_COMPANY)).toThrow('not loaded');
    expect(() => rows.setInfo(INFO)).toThrow('not loaded');
    expect(() => rows.setDataset('a', DATASET)).toThrow('not loaded');
    expect(() => rows.setHold('0/1', HOLD)).toThrow('not loaded');
  });

  test('does not exist if all rows were loaded', () => {
    const rows = loadedRows();
    rows.allLoaded = true;
    expect([rows.info, rows.dataset('a'), rows.hold('0/1')]).toEqual([null, null, null]);
    expect([rows.hasInfo(), rows.hasDataset('a'), rows.hasHold('0/1')]).toEqual([true, true, true]);
  });

  test('does not exist if there is no company row', () => {
    const rows = new CompanyRows('company');
    rows.loadCompany(null);
    expect([rows.allLoaded, rows.info, rows.dataset('a')]).toEqual([true, null, null]);
  });
});

test('loading never replaces a row in memory', () => {
  const rows = loadedRows();
  rows.loadInfo(null);
  rows.loadDataset('a', null);
  rows.loadHold('0/1', null);
  rows.setCompany({ ...NEW_COMPANY, holds: 1 });
  rows.setInfo(INFO);
  rows.setDataset('a', LATER);
  rows.setHold('0/1', HOLD);

  rows.loadCompany(null);
  rows.loadInfo(null);
  rows.loadDataset('a', DATASET);
  rows.loadHold('0/1', null);
  expect([rows.company, rows.info, rows.dataset('a'), rows.hold('0/1')]).toEqual([
    { ...NEW_COMPANY, holds: 1 },
    INFO,
    LATER,
    HOLD,
  ]);
});

describe('a change', () => {
  test('keeps the value before the first change since the last settle as its prior', () => {
    const rows = loadedRows();
    rows.loadDataset('a', DATASET);
    rows.setDataset('a', LATER);
    rows.setDataset('a', null);
    expect(changesOf(rows)).toEqual([['company', 'a', DATASET, null]]);

    rows.settle();
    expect([rows.changed, changesOf(rows)]).toEqual([false, []]);
    rows.setDataset('a', LATER);
    expect([rows.changed, changesOf(rows)]).toEqual([true, [['company', 'a', null, LATER]]]);
  });

  test.each<[string, (rows: CompanyRows) => void]>([
    ['company', (rows) => rows.setCompany(NEW_COMPANY)],
    ['info', (rows) => rows.setInfo(INFO)],
    ['dataset', (rows) => rows.setDataset('a', DATASET)],
    ['hold', (rows) => rows.setHold('0/1', HOLD)],
  ])('of the %s row is recorded', (_kind, change) => {
    const rows = new CompanyRows('company');
    rows.loadCompany(null);
    expect(rows.changed).toBe(false);
    change(rows);
    expect(rows.changed).toBe(true);
    expect(changesOf(rows)).toHaveLength(1);
  });
});

test('rows that do not exist are not among all rows', () => {
  const rows = loadedRows();
  rows.loadDataset('a', null);
  rows.loadDataset('b', DATASET);
  rows.loadHold('0/1', null);
  rows.allLoaded = true;
  expect(rows.datasets()).toEqual([['b', DATASET]]);
  expect(rows.holds()).toEqual([]);
});

test('a company reduced to its final row releases all other rows, and their memory once the change is settled', () => {
  const rows = loadedRows();
  rows.loadInfo(INFO);
  rows.loadDataset('a', DATASET);
  rows.loadHold('0/1', HOLD);
  rows.allLoaded = true;
  expect(() => rows.reduceTo(FINAL)).toThrow('some of its holds were not loaded');
  rows.allHoldsRead = true;
  rows.reduceTo(FINAL);
  expect(changesOf(rows)).toEqual([
    ['company', NEW_COMPANY, FINAL],
    ['company', INFO, null],
    ['company', 'a', DATASET, null],
    ['company', '0/1', HOLD, null],
  ]);
  expect(rows.size).toBe(4);
  rows.settle();
  expect([rows.size, rows.company, rows.dataset('a')]).toEqual([2, FINAL, null]);
});
