import { CompanyRows } from '../../../src/domain/company-rows.js';
import { CompanyCache } from '../../../src/store/company-cache.js';

function load(rows: CompanyRows, datasets: number): void {
  rows.loadCompany(null);
  for (let i = 0; i < datasets; i++) rows.loadDataset(`d${i}`, null);
}

/** The estimated bytes of a company of eight datasets. */
const COMPANY = bytesOf(8);

function bytesOf(datasets: number): number {
  const rows = new CompanyRows('a');
  load(rows, datasets);
  return rows.bytes;
}

function batch(cache: CompanyCache, ...companyIds: string[]): void {
  for (const companyId of companyIds) load(cache.get(companyId), 8);
  cache.evict();
}

test('gives the same rows for the same company while they are kept', () => {
  const cache = new CompanyCache(() => 100 * COMPANY);
  const rows = cache.get('a');
  cache.evict();
  expect(cache.get('a')).toBe(rows);
  expect(cache.get('b')).not.toBe(rows);
});

test('never takes more than its budget and one batch', () => {
  const budget = 10 * COMPANY;
  const cache = new CompanyCache(() => budget);
  for (let i = 0; i < 1_000; i++) {
    batch(cache, `company ${i}`);
    expect(cache.bytes).toBeLessThanOrEqual(budget + COMPANY);
  }
});

test('a company that is used all the time is never dropped', () => {
  const cache = new CompanyCache(() => 10 * COMPANY);
  const hot = cache.get('hot');
  for (let i = 0; i < 1_000; i++) {
    batch(cache, 'hot', `company ${i}`);
    expect(cache.get('hot')).toBe(hot);
  }
});

test('a company that is no longer used is dropped', () => {
  const cache = new CompanyCache(() => 10 * COMPANY);
  const cold = cache.get('cold');
  for (let i = 0; i < 20; i++) batch(cache, `company ${i}`);
  expect(cache.get('cold')).not.toBe(cold);
});

test('companies that fit the budget are never dropped, in whatever order they are used', () => {
  const cache = new CompanyCache(() => 10 * COMPANY);
  const companies = Array.from({ length: 10 }, (_, i) => `company ${i}`);
  const rows = companies.map((companyId) => cache.get(companyId));
  batch(cache, ...companies);
  for (let i = 0; i < 100; i++) batch(cache, `company ${(i * 7) % 10}`);
  expect(cache.bytes).toBe(10 * COMPANY);
  companies.forEach((companyId, i) => expect(cache.get(companyId)).toBe(rows[i]));
});

test('recently used companies stay, and the others are dropped for new ones', () => {
  const cache = new CompanyCache(() => 4 * COMPANY);
  batch(cache, 'a', 'b', 'c', 'd');
  const [a, b] = [cache.get('a'), cache.get('b')];
  cache.evict();
  batch(cache, 'e');
  batch(cache, 'f');
  expect(cache.get('a')).toBe(a);
  expect(cache.get('b')).toBe(b);
  expect(cache.bytes).toBe(4 * COMPANY);
});

test('rows that are loaded later into a company in memory count', () => {
  const cache = new CompanyCache(() => 100 * COMPANY);
  batch(cache, 'a');
  const before = cache.bytes;
  load(cache.get('a'), 108);
  cache.evict();
  expect(cache.bytes).toBe(before + bytesOf(108) - COMPANY);
});

test('a company with unsettled changes stays, however small the budget', () => {
  const cache = new CompanyCache(() => 0);
  const rows = cache.get('changed');
  rows.loadCompany(null);
  rows.setDataset('d', null);
  for (let i = 0; i < 10; i++) batch(cache, `company ${i}`);
  expect(cache.get('changed')).toBe(rows);

  rows.settle();
  for (let i = 0; i < 10; i++) batch(cache, `company ${i}`);
  expect(cache.get('changed')).not.toBe(rows);
});

test('a smaller budget applies from the next eviction on', () => {
  let budget = 100 * COMPANY;
  const cache = new CompanyCache(() => budget);
  for (let i = 0; i < 100; i++) batch(cache, `company ${i}`);
  expect(cache.bytes).toBeGreaterThan(50 * COMPANY);
  budget = 10 * COMPANY;
  cache.evict();
  expect(cache.bytes).toBeLessThanOrEqual(10 * COMPANY);
});

test('a long text counts', () => {
  const cache = new CompanyCache(() => 1e6);
  const rows = cache.get('a');
  rows.loadCompany(null);
  cache.evict();
  const before = cache.bytes;
  const long = 'x'.repeat(1_000);
  rows.setDataset(long, { place: null, status: long, revision: null, offset: 1, timestamp: 1 });
  cache.get('a').setInfo({
    clientId: long,
    companyName: long,
    links: [{ linkId: long, connection: 0, sealed: false, endedAt: null }],
    connections: [{ connectionId: long, sourceType: long }],
  });
  cache.evict();
  expect(cache.bytes - before).toBeGreaterThan(7_000);
  rows.setDataset(long, null);
  rows.setInfo(null);
  cache.get('a');
  cache.evict();
  expect(cache.bytes - before).toBeLessThan(2_000);
});
