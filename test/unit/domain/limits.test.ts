/** The two bounds on one company, at their real size and at both sides of the edge. */
import { CONTEXT } from '../../support/company-history.js';
import { judgeCompany, type HistoryRecord } from '../../support/reference-model.js';
import { CompanyInStore } from './company-in-store.js';
import {
  companyAfter,
  historyOf,
  manifest,
  part,
  poison,
  repairing,
  status,
  unlinked,
  type Draft,
} from './histories.js';

function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

describe('more than 10,000 datasets in one company', () => {
  const almostFull = part('l', 'c', ids('a', 9_999));

  test('10,000 are not too many', () => {
    const company = companyAfter(almostFull, manifest('l', 'c', ['last']));
    expect(company.tooManyDatasets).toEqual([]);
    expect(company.stored.company.get('')).toMatchObject({ named: 10_000, holds: 0 });
  });

  test('one more makes its whole record poison, and the company held', () => {
    const company = companyAfter(almostFull, manifest('l2', 'c2', ['x', 'y']));
    expect(company.tooManyDatasets).toEqual([1]);
    expect(company.stored.company.get('')).toMatchObject({ named: 9_999, links: 1, holds: 1 });
    expect(company.stored.holds.get('3/1')).toMatchObject({ code: 'too-many-datasets' });
    expect(company.stored.datasets.has('x')).toBe(false);
  });

  test('a single manifest can be too much, as the first record too', () => {
    const company = companyAfter(manifest('l', 'c', ids('a', 10_001)));
    expect(company.tooManyDatasets).toEqual([0]);
    expect(company.stored.company.get('')).toMatchObject({ named: 0, links: 0, holds: 1 });
  });

  test('datasets named before, and those named twice by the manifest, are counted once', () => {
    const company = companyAfter(almostFull, part('l', 'c', ['a0', 'a1', 'new', 'new']));
    expect(company.tooManyDatasets).toEqual([]);
    expect(company.stored.company.get('')).toMatchObject({ named: 10_000 });
  });

  test('early datasets and those of an ended link count when they are named, early ones not before', () => {
    const history = [almostFull, status('early', 'Fetching'), status('early-2', 'Fetching'), unlinked('c')];
    expect(companyAfter(...history, part('l2', 'c', ['early'])).tooManyDatasets).toEqual([]);
    expect(companyAfter(...history, part('l2', 'c', ['early', 'early-2'])).tooManyDatasets).toEqual([4]);
  });

  test('a repair that is itself too much lifts nothing and is one hold more', () => {
    const tooMuch = manifest('l2', 'c', ['x', 'y']);
    const company = companyAfter(almostFull, tooMuch, repairing([1], tooMuch));
    expect([...company.stored.holds.keys()]).toEqual(['3/1', '3/2']);
  });

  test('a repair that fits lifts the hold', () => {
    const company = companyAfter(
      almostFull,
      manifest('l2', 'c', ['x', 'y']),
      repairing([1], manifest('l2', 'c', ['x'])),
    );
    expect(company.stored.company.get('')).toMatchObject({ named: 10_000, holds: 0 });
  });

  test('never for an announced company', () => {
    const announced = [manifest('l', 'c', ['a']), status('a', 'Complete')];
    expect(companyAfter(...announced, manifest('l2', 'c', ids('b', 10_001))).tooManyDatasets).toEqual([]);
  });
});

describe('more than 1,000 early datasets in one company', () => {
  const full = ids('early-', 1_000).map((id) => status(id, 'Complete', { revision: 5 }));

  test('1,000 are remembered', () => {
    const company = afterMany(full);
    expect(company.stored.company.get('')).toMatchObject({ early: 1_000, forgotten: 0 });
  });

  test('the next one makes the 500 with the lowest latest offset forgotten', () => {
    // early-0 is heard of again, so that it is not among the 500 and early-500 is
    const company = afterMany([...full, status('early-0', 'Complete'), status('one-more', 'Fetching')]);
    expect(company.stored.company.get('')).toMatchObject({ early: 501, forgotten: 500 });
    expect(company.stored.datasets.size).toBe(501);
    for (const kept of ['early-0', 'early-501', 'early-999', 'one-more'])
      expect(company.stored.datasets.has(kept)).toBe(true);
    for (const forgotten of ['early-1', 'early-500']) expect(company.stored.datasets.has(forgotten)).toBe(false);
  });

  test('again and again', () => {
    const company = afterMany(ids('early-', 2_501).map((id) => status(id, 'Complete')));
    expect(company.stored.company.get('')).toMatchObject({ early: 501, forgotten: 2_000 });
  });

  test('a status that is refused, repeats an early dataset, or is of a named one makes none forgotten', () => {
    const company = afterMany([
      ...full,
      status('new', 'Complete', { trigger: 'REFRESH' }),
      status('early-1', 'Complete', { revision: 5 }),
      status('early-2', 'Complete', { revision: 6 }),
      part('l', 'c', ['early-3', 'never-heard-of']),
      status('early-3', 'Complete'),
      status('never-heard-of', 'Fetching'),
    ]);
    expect(company.stored.company.get('')).toMatchObject({ early: 999, forgotten: 0, named: 2 });
  });

  test('named datasets are never forgotten', () => {
    const company = afterMany([
      manifest('l', 'c', ['named']),
      status('named', 'Mapping'),
      ...full,
      status('one-more', 'Complete'),
    ]);
    expect(company.stored.datasets.has('named')).toBe(true);
  });

  test('a forgotten status no longer counts for a manifest, nor its revision against a later status', () => {
    const forgotten = [...full, status('one-more', 'Fetching'), manifest('l', 'c', ['early-0', 'early-999'])];
    expect(afterMany(forgotten).announcements).toEqual([]);
    expect(afterMany([...forgotten, status('early-0', 'NotSupported', { revision: 1 })]).announcements).toMatchObject([
      { succeeded: 1, ended: 1, source: { offset: 1_002 } },
    ]);
  });

  test('the rules ask for all rows only for the status that makes them forget', () => {
    const records = historyOf([...full, status('one-more', 'Complete')]);
    const company = new CompanyInStore(CONTEXT);
    company.apply(...records.slice(0, -1));
    company.settle();
    company.evict();
    company.apply(...records.slice(-1));
    company.settle();
    expect(company.stored.datasets.size).toBe(501);
  });

  test('a repair that makes it forget lifts its hold once, though the rules first ask for all rows', () => {
    const records = historyOf([...full, poison(), repairing([1_000], status('one-more', 'Complete'))]);
    const company = new CompanyInStore(CONTEXT);
    applyInBatches(company, records.slice(0, -1));
    company.evict();
    company.apply(...records.slice(-1));
    company.settle();
    expect(company.stored.company.get('')).toMatchObject({ holds: 0, forgotten: 500 });
  });
});

test('a company of 10,000 datasets over many links is announced with all of them', () => {
  const links = ids('link-', 100);
  const manifests = links.map((link) => manifest(link, `connection-of-${link}`, ids(`${link}-`, 100)));
  const statuses = links.flatMap((link) => ids(`${link}-`, 100).map((id) => status(id, 'Complete')));
  const company = new CompanyInStore(CONTEXT);
  applyInBatches(company, historyOf([...manifests, ...statuses]));
  expect(company.announcements).toMatchObject([{ succeeded: 10_000, failed: 0, source: { offset: 10_099 } }]);
  expect(company.announcements[0]?.datasets).toHaveLength(10_000);
  expect(company.stored.datasets.size).toBe(0);
});

function applyInBatches(company: CompanyInStore, records: readonly HistoryRecord[]): void {
  for (let start = 0; start < records.length; start += 100) {
    company.apply(...records.slice(start, start + 100));
    company.settle();
  }
}

/** As `companyAfter`, in batches with the rows kept in memory: thousands of records need not each be a write. */
function afterMany(drafts: readonly Draft[]): CompanyInStore {
  const records = historyOf(drafts);
  const company = new CompanyInStore(CONTEXT);
  applyInBatches(company, records);
  const { announcement, standings } = judgeCompany(records, CONTEXT);
  expect(company.announcements).toEqual(announcement === null ? [] : [announcement]);
  const standing = standings.at(-1);
  if (standing != null)
    expect(company.stored.company.get('')).toMatchObject({ early: standing.early, forgotten: standing.forgotten });
  return company;
}
