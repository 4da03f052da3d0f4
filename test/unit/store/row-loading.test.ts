import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { CompanyRow, DatasetRow, HoldRow, InfoRow } from '../../../src/domain/rows.js';
import { CompanyCache } from '../../../src/store/company-cache.js';
import { CountedCompanies } from '../../../src/store/counted-companies.js';
import type { KeyValueReads } from '../../../src/store/key-value-store.js';
import { loadAllRows, loadHolds } from '../../../src/store/company-loading.js';
import { RowLoad } from '../../../src/store/row-loading.js';
import { parseRowKey } from '../../../src/store/row-keys.js';
import { encodeChanges } from '../../../src/store/state-changes.js';

const dataset: DatasetRow = { place: null, status: 'Queued', revision: null, offset: 3, timestamp: 4 };
const info: InfoRow = { clientId: 'c', companyName: 'n', connections: [], links: [] };
const holdRow: HoldRow = { code: 'undecodable', timestamp: 1 };

/** A store in memory, filled through the encoder, that notes what is asked of it. */
class FakeStore implements KeyValueReads {
  readonly reads: string[][] = [];
  readonly #rows = new Map<string, Buffer>();

  put(companyId: string, fill: (rows: CompanyRows) => void): void {
    const rows = new CompanyRows(companyId);
    rows.loadCompany(null);
    fill(rows);
    for (const { key, value } of encodeChanges([rows], { topic: 't', offset: 1, countedUnder: 1 }, null).changes)
      if (value !== null) this.#rows.set(key.toString('hex'), value);
  }

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    this.reads.push(keys.map(described));
    return Promise.resolve(keys.map((key) => this.#rows.get(key.toString('hex')) ?? null));
  }

  scan(prefix: Buffer): Promise<{ key: Buffer; value: Buffer }[]> {
    const pairs = [...this.#rows].filter(([key]) => key.startsWith(prefix.toString('hex')));
    return Promise.resolve(pairs.map(([key, value]) => ({ key: Buffer.from(key, 'hex'), value })));
  }
}

function described(key: Buffer): string {
  return Object.values(parseRowKey(key)).join(' ');
}

function event(companyId: string, payload: Payload, repairs: string[] = []): InputEvent {
  return { companyId, clientId: 'c', offset: 1, timestamp: 1, repairs, payload };
}

const status = (datasetId: string): Payload => ({
  kind: 'status',
  datasetId,
  status: 'Complete',
  trigger: 'LINK',
  revision: null,
});

const manifest = (...datasetIds: string[]): Payload => ({
  kind: 'manifest',
  linkId: 'l',
  connectionId: 'k',
  sourceType: 's',
  companyName: 'n',
  datasets: datasetIds.map((datasetId) => ({ datasetId, dataType: 'invoices' })),
  isFinal: true,
});

const pending = (rows: CompanyRows): void => rows.setCompany(NEW_COMPANY);
const HELD: CompanyRow = { ...NEW_COMPANY, holds: 1 };

function held(rows: CompanyRows, holdId = '0/7'): void {
  rows.setHold(holdId, holdRow);
  rows.setCompany(HELD);
}

test('a batch requests each row once, however often events repeat it, and no row of a new company', async () => {
  const store = new FakeStore();
  store.put('a', held);
  const load = new RowLoad(new CompanyCache(() => 1_000), new CountedCompanies(null));
  load.want(event('a', status('1')));
  load.want(event('a', status('1'), ['0/7', '0/7']));
  load.want(event('a', manifest('1', '2', '2')));
  load.want(event('a', { kind: 'unlinked', connectionId: 'k' }));
  load.want(event('b', status('1')));
  load.wantHold('a', '0/7');
  load.wantHold('c', '0/8');
  await load.run(store);
  expect(store.reads).toEqual([
    ['company a', 'company b', 'company c'],
    ['dataset a 1', 'hold a 0/7', 'info a', 'first-sync a', 'dataset a 2'],
  ]);
});

test('a manifest after the first one reads no first-sync row', async () => {
  const store = new FakeStore();
  store.put('a', (rows) => rows.setCompany({ ...NEW_COMPANY, links: 1 }));
  const load = new RowLoad(new CompanyCache(() => 1_000), new CountedCompanies(null));
  load.want(event('a', manifest('1')));
  await load.run(store);
  expect(store.reads).toEqual([['company a'], ['info a', 'dataset a 1']]);
});

test('the rules find the rows that were read', async () => {
  const store = new FakeStore();
  store.put('a', (rows) => {
    held(rows);
    rows.setInfo(info);
    rows.setDataset('1', dataset);
  });
  const load = new RowLoad(new CompanyCache(() => 1_000), new CountedCompanies(null));
  const rows = load.want(event('a', manifest('1', '2'), ['0/7']));
  await load.run(store);
  expect(rows.company).toEqual(HELD);
  expect(rows.info).toEqual(info);
  expect(rows.dataset('1')).toEqual(dataset);
  expect(rows.dataset('2')).toBeNull();
  expect(rows.hold('0/7')).toEqual(holdRow);
  expect(rows.allLoaded).toBe(false);
});

test('rows in memory are not read again, and without rows to read no read is made', async () => {
  const store = new FakeStore();
  store.put('a', pending);
  const cache = new CompanyCache(() => 1_000);
  const first = new RowLoad(cache, new CountedCompanies(null));
  first.want(event('a', status('1')));
  await first.run(store);

  const second = new RowLoad(cache, new CountedCompanies(null));
  second.want(event('a', status('1')));
  await second.run(store);
  expect(store.reads).toEqual([['company a'], ['dataset a 1']]);

  const third = new RowLoad(cache, new CountedCompanies(null));
  third.want(event('a', status('2')));
  await third.run(store);
  expect(store.reads.slice(2)).toEqual([['dataset a 2']]);
});

test('rows changed in memory override stored rows', async () => {
  const store = new FakeStore();
  store.put('a', (rows) => {
    pending(rows);
    rows.setDataset('1', dataset);
  });
  const cache = new CompanyCache(() => 1_000);
  const load = new RowLoad(cache, new CountedCompanies(null));
  const rows = load.want(event('a', status('1')));
  rows.loadDataset('1', null);
  rows.setDataset('1', { ...dataset, status: 'Complete' });
  await load.run(store);
  expect(rows.dataset('1')?.status).toBe('Complete');
});

test('for a company that is not stored, no other row is ever read', async () => {
  const store = new FakeStore();
  const cache = new CompanyCache(() => 1_000);
  const load = new RowLoad(cache, new CountedCompanies(null));
  const rows = load.want(event('new', status('1')));
  await load.run(store);
  expect(rows.allLoaded).toBe(true);
  expect(rows.dataset('never named')).toBeNull();
  const next = new RowLoad(cache, new CountedCompanies(null));
  next.want(event('new', manifest('1', '2')));
  await next.run(store);
  expect(store.reads).toHaveLength(1);
});

test.each<[string, CompanyRow]>([
  ['deleted', { outcome: 'deleted', offset: 1, timestamp: 2 }],
  ['announced elsewhere', { outcome: 'announced-elsewhere', offset: 1, timestamp: 2 }],
  [
    'announced',
    {
      outcome: 'announced',
      policy: 'ALL_DATASETS',
      offset: 1,
      synchronizedAt: 2,
      named: 1,
      succeeded: 1,
      failed: 0,
      ended: 0,
    },
  ],
])('of a company that is %s only the company row is kept or read again', async (_, final) => {
  const store = new FakeStore();
  store.put('a', (rows) => rows.setCompany(final));
  const cache = new CompanyCache(() => 1_000);
  for (const datasetId of ['1', '2']) {
    const load = new RowLoad(cache, new CountedCompanies(null));
    load.want(event('a', status(datasetId)));
    await load.run(store);
  }
  expect(cache.get('a').company).toEqual(final);
  expect(cache.get('a').size).toBe(2);
  expect(store.reads).toHaveLength(1);
});

describe('a whole company', () => {
  test('has every row of it and none of another', async () => {
    const store = new FakeStore();
    for (const companyId of ['a', 'ab', '0f8fad5b-d9cb-469f-a165-70867728950e'])
      store.put(companyId, (rows) => {
        held(rows);
        rows.setInfo(info);
        rows.setDataset(`${companyId} 1`, dataset);
        rows.setDataset(`${companyId} 2`, dataset);
      });
    for (const companyId of ['a', 'ab', '0f8fad5b-d9cb-469f-a165-70867728950e']) {
      const rows = new CompanyRows(companyId);
      await loadAllRows(store, rows);
      expect([rows.allLoaded, rows.allHoldsLoaded, rows.holds()]).toEqual([true, false, []]);
      await loadHolds(store, rows);
      expect([rows.allLoaded, rows.allHoldsLoaded]).toEqual([true, true]);
      expect(rows.datasets()).toEqual([
        [`${companyId} 1`, dataset],
        [`${companyId} 2`, dataset],
      ]);
      expect(rows.holds()).toEqual([['0/7', holdRow]]);
      expect(rows.info).toEqual(info);
    }
  });

  test('keeps newer rows in memory: changed rows, and rows known not to exist', async () => {
    const store = new FakeStore();
    store.put('a', (rows) => {
      held(rows, 'lifted');
      rows.setDataset('changed', dataset);
      rows.setDataset('removed', dataset);
      rows.setDataset('stored', dataset);
    });
    const rows = new CompanyRows('a');
    rows.loadCompany(HELD);
    rows.loadDataset('changed', dataset);
    rows.loadDataset('removed', dataset);
    rows.loadHold('lifted', holdRow);
    rows.setCompany({ ...HELD, named: 9 });
    rows.setDataset('changed', { ...dataset, status: 'Complete' });
    rows.setDataset('removed', null);
    rows.setHold('lifted', null);
    await loadAllRows(store, rows);
    await loadHolds(store, rows);
    expect(rows.company).toMatchObject({ named: 9 });
    expect(rows.datasets().map(([id, row]) => [id, row.status])).toEqual([
      ['changed', 'Complete'],
      ['stored', 'Queued'],
    ]);
    expect(rows.holds()).toEqual([]);
  });

  test('is read once', async () => {
    const store = new FakeStore();
    const rows = new CompanyRows('a');
    await loadAllRows(store, rows);
    await loadAllRows(store, rows);
    expect(store.reads).toHaveLength(1);
  });
});
