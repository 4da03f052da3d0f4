import { CompanyCache } from '../../../src/store/company-cache.js';
import type { CompanyRows } from '../../../src/domain/company-rows.js';

/** A company as `get` gives it counts two rows; each dataset one more. */
function load(rows: CompanyRows, datasets: number): void {
  rows.loadCompany(null);
  for (let i = 0; i < datasets; i++) rows.loadDataset(`d${i}`, null);
}

function batch(cache: CompanyCache, ...companyIds: string[]): void {
  for (const companyId of companyIds) load(cache.get(companyId), 8);
  cache.evict();
}

test('gives the same rows for the same company while they are kept', () => {
  const cache = new CompanyCache(() => 1_000);
  const rows = cache.get('a');
  cache.evict();
  expect(cache.get('a')).toBe(rows);
  expect(cache.get('b')).not.toBe(rows);
});

test('never holds more than its budget and one batch, whatever comes', () => {
  const budget = 100;
  const cache = new CompanyCache(() => budget);
  for (let i = 0; i < 1_000; i++) {
    batch(cache, `company ${i}`);
    expect(cache.size).toBeLessThanOrEqual(budget + 10);
  }
});

test('what is used all the time is never dropped', () => {
  const cache = new CompanyCache(() => 100);
  const hot = cache.get('hot');
  for (let i = 0; i < 1_000; i++) {
    batch(cache, 'hot', `company ${i}`);
    expect(cache.get('hot')).toBe(hot);
  }
});

test('what is used no more is dropped', () => {
  const cache = new CompanyCache(() => 100);
  const cold = cache.get('cold');
  for (let i = 0; i < 20; i++) batch(cache, `company ${i}`);
  expect(cache.get('cold')).not.toBe(cold);
});

test('what fits the budget is never dropped, in whatever order it is used', () => {
  const cache = new CompanyCache(() => 100);
  const companies = Array.from({ length: 10 }, (_, i) => `company ${i}`);
  const rows = companies.map((companyId) => cache.get(companyId));
  batch(cache, ...companies);
  for (let i = 0; i < 100; i++) batch(cache, `company ${(i * 7) % 10}`);
  expect(cache.size).toBe(100);
  companies.forEach((companyId, i) => expect(cache.get(companyId)).toBe(rows[i]));
});

test('what was used lately stays, what was not is dropped for what is new', () => {
  const cache = new CompanyCache(() => 40);
  batch(cache, 'a', 'b', 'c', 'd');
  const [a, b] = [cache.get('a'), cache.get('b')];
  cache.evict();
  batch(cache, 'e');
  batch(cache, 'f');
  expect(cache.get('a')).toBe(a);
  expect(cache.get('b')).toBe(b);
  expect(cache.size).toBe(40);
});

test('rows loaded into a company long in memory count', () => {
  const cache = new CompanyCache(() => 1_000);
  batch(cache, 'a');
  const before = cache.size;
  load(cache.get('a'), 108);
  cache.evict();
  expect(cache.size).toBe(before + 100);
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

test('a smaller budget is kept from the next eviction on', () => {
  let budget = 1_000;
  const cache = new CompanyCache(() => budget);
  for (let i = 0; i < 100; i++) batch(cache, `company ${i}`);
  expect(cache.size).toBeGreaterThan(500);
  budget = 100;
  cache.evict();
  expect(cache.size).toBeLessThanOrEqual(100);
});
