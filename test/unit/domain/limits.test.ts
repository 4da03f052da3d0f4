/** The limits of one company, at their real size and at both sides of each limit. */
import { CONTEXT } from '../../support/company-history.js';
import { judgeCompany, type HistoryRecord } from '../../../testkit/reference-model.js';
import type { InfoRow, PendingCompany } from '../../../src/domain/rows.js';
import { CompanyInStore } from './company-in-store.js';
import {
  badRecord,
  companyAfter,
  earlier,
  historyOf,
  manifest,
  part,
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

  test('one more makes its whole record bad, and the company held', () => {
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
    // early-0 is updated again, so it is not among the 500, and early-500 is
    const company = afterMany([...full, status('early-0', 'Complete'), status('one-more', 'Fetching')]);
    expect(company.stored.company.get('')).toMatchObject({ early: 501, forgotten: 500 });
    expect(company.stored.datasets.size).toBe(501);
    for (const kept of ['early-0', 'early-501', 'early-999', 'one-more'])
      expect(company.stored.datasets.has(kept)).toBe(true);
    for (const forgotten of ['early-1', 'early-500']) expect(company.stored.datasets.has(forgotten)).toBe(false);
  });

  test('the timestamps of records do not decide which are forgotten', () => {
    const undated = (id: string) => ({ ...status(id, 'Complete'), timestamp: -1 });
    const drafts = [...ids('dated-', 600).map((id) => status(id, 'Complete')), ...ids('undated-', 401).map(undated)];
    const company = afterMany(drafts);
    expect(company.stored.company.get('')).toMatchObject({ early: 501, forgotten: 500 });
    for (const kept of ['dated-500', 'undated-0', 'undated-400']) expect(company.stored.datasets.has(kept)).toBe(true);
    expect(company.stored.datasets.has('dated-499')).toBe(false);
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
    const records = historyOf([...full, badRecord(), repairing([1_000], status('one-more', 'Complete'))]);
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

/**
 * As `companyAfter`, but in batches with the rows kept in memory: a write for each of thousands of records would be
 * slow.
 */
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

describe('more than 10,000 links or connections in one company', () => {
  const manyLinks = (count: number) => ids('link-', count).map((link) => manifest(link, 'c', []));

  test('10,000 links are not too many, and one more makes its record bad', () => {
    const company = new CompanyInStore(CONTEXT);
    applyInBatches(
      company,
      historyOf([...manyLinks(10_000), manifest('link-9', 'c', ['a']), manifest('more', 'c', [])]),
    );
    expect(company.tooLarge).toEqual([10_001]);
    expect(company.stored.company.get('')).toMatchObject({ links: 10_000, named: 1, holds: 1 });
    expect(company.stored.holds.get('3/10001')).toMatchObject({ code: 'too-large' });
  });

  test('10,000 connections are not too many, and one more makes its record bad', () => {
    const parts = ids('c', 10_000).map((connection) => manifest('l', connection, []));
    const company = new CompanyInStore(CONTEXT);
    applyInBatches(company, historyOf([...parts, manifest('l', 'c7', ['a']), manifest('l', 'more', [])]));
    expect(company.tooLarge).toEqual([10_001]);
    expect(company.stored.info.get('')?.connections).toHaveLength(10_000);
  });
});

describe('an announcement of more than 6 MiB', () => {
  const MAX_BYTES = 6 * 1024 * 1024;
  /** Of a company with one link `l` and one connection `c` of sourceType `source`. */
  const BEFORE_DATASETS = 8_192 + (1 + 2 + 12) + (1 + 2) + (6 + 2);
  /** The bytes of a dataset without its id: dataType `invoices`, connection, status, offset. */
  const BESIDE_ID = 2 + (8 + 2) + (1 + 2) + (18 + 2) + 8;
  const LARGE_DATASETS = 6_000;
  const large = ids('é', LARGE_DATASETS).map((id) => id.padEnd(999)); // 1,000 bytes
  const room = MAX_BYTES - BEFORE_DATASETS - LARGE_DATASETS * (1_000 + BESIDE_ID);
  const others = Math.floor(room / 1_000);
  const almostFull = [...large, ...ids('o', others).map((id) => id.padEnd(1_000 - BESIDE_ID))];
  /** The id of a further dataset that takes exactly this many bytes more than are left. */
  const lastOf = (beyond: number) => 'z'.repeat(room - others * 1_000 - BESIDE_ID + beyond);

  test.each([
    ['of exactly 6 MiB is not too large', 0, []],
    ['of one byte more is, and its company is held', 1, [0]],
  ])('one manifest %s', (_, beyond, tooLarge) => {
    const company = companyAfter(manifest('l', 'c', [...almostFull, lastOf(beyond)]));
    expect(company.tooLarge).toEqual(tooLarge);
    expect(company.stored.company.get('')).toMatchObject({ holds: tooLarge.length });
  });

  test.each([
    ['one byte', 1, [1]],
    ['nothing', 0, []],
  ])('a later part that is %s beyond it', (_, beyond, tooLarge) => {
    expect(companyAfter(part('l', 'c', almostFull), part('l', 'c', [lastOf(beyond)])).tooLarge).toEqual(tooLarge);
  });

  test('a manifest that names datasets again, twice, or renames the company adds nothing', () => {
    const full = manifest('l', 'c', [...almostFull, lastOf(0)]);
    const again = manifest('l', 'c', [lastOf(0), lastOf(0)], { companyName: 'n'.repeat(1_024) });
    expect(companyAfter(full, again).tooLarge).toEqual([]);
  });

  test('another dataType, connection or sourceType counts by its length', () => {
    const full = part('l', 'c', [...almostFull, lastOf(0)]);
    const longer = { datasets: [{ datasetId: lastOf(0), dataType: 'invoices!' }] };
    expect(companyAfter(full, manifest('l', 'c', [], longer)).tooLarge).toEqual([1]);
    expect(companyAfter(full, manifest('l', 'c', [], { sourceType: 'source!' })).tooLarge).toEqual([1]);
    expect(companyAfter(full, manifest('m', 'c', [])).tooLarge).toEqual([1]);
    const shorter = { datasets: [{ datasetId: lastOf(0), dataType: 'i' }], sourceType: 's' };
    expect(companyAfter(full, manifest('l', 'c', [], shorter), manifest('l', 'c', ['d'])).tooLarge).toEqual([2]);
  });

  test('a known status adds nothing, and an unknown word what it is longer than every known one', () => {
    const without = part('l', 'c', almostFull);
    const word = 'w'.repeat(18 + lastOf(0).length + BESIDE_ID);
    const fitting = companyAfter(without, status('o1'.padEnd(1_000 - BESIDE_ID), word), manifest('l', 'c', []));
    expect(fitting.tooLarge).toEqual([]);
    const beyond = companyAfter(without, status('o1'.padEnd(1_000 - BESIDE_ID), `${word}!`), manifest('l', 'c', []));
    expect(beyond.tooLarge).toEqual([1]);
    expect(beyond.stored.holds.get('3/1')).toMatchObject({ code: 'too-large' });
  });

  test('the status of an early dataset counts when a manifest names it', () => {
    const early = status(lastOf(0), 'w'.repeat(19));
    expect(companyAfter(early, manifest('l', 'c', [...almostFull, lastOf(0)])).tooLarge).toEqual([1]);
    expect(companyAfter(early, manifest('l', 'c', [...almostFull, lastOf(-1)])).tooLarge).toEqual([]);
  });

  test('a repair that fits lifts the hold, under FIRST_DATASET too', () => {
    const tooLarge = earlier(null, part('l', 'c', [...almostFull, lastOf(1)]));
    const fits = earlier(null, repairing([0], part('l', 'c', [...almostFull, lastOf(0)])));
    const company = companyAfter(tooLarge, fits, earlier(null, status(lastOf(0), 'Complete')));
    expect(company.announcements).toMatchObject([{ trigger: 'FIRST_DATASET', succeeded: 1 }]);
  });

  test('never for an announced company', () => {
    const announced = [manifest('l', 'c', ['a']), status('a', 'Complete')];
    expect(companyAfter(...announced, manifest('l', 'c', [...almostFull, lastOf(1)])).tooLarge).toEqual([]);
  });

  test.each([
    [0, []],
    [1, [1]],
  ])('a row without the size is measured again: %s bytes beyond', (beyond, tooLarge) => {
    const company = new CompanyInStore(CONTEXT);
    const [first, second] = historyOf([part('l', 'c', almostFull), part('l', 'c', [lastOf(beyond)])]);
    company.apply(first as HistoryRecord);
    company.settle();
    company.evict();
    const row = company.stored.company.get('') as PendingCompany;
    company.stored.company.set('', { ...row, announcementBytes: 0 }); // as a release writes it that has no such limit
    company.apply(second as HistoryRecord);
    company.settle();
    expect(company.tooLarge).toEqual(tooLarge);
  });

  test('a company that an older release has let grow beyond it may seal its links, and no more', () => {
    const company = new CompanyInStore(CONTEXT);
    const ended = [status(lastOf(0), 'Complete'), unlinked('c')];
    const records = historyOf([part('l', 'c', [...almostFull, lastOf(0)]), manifest('m', 'c', []), ...ended]);
    company.apply(records[0] as HistoryRecord);
    company.settle();
    company.evict();
    const info = company.stored.info.get('') as InfoRow;
    const links = [...info.links, { linkId: 'm', connection: 0, sealed: false, endedAt: null }];
    company.stored.info.set('', { ...info, links });
    const row = company.stored.company.get('') as PendingCompany;
    company.stored.company.set('', { ...row, links: 2, unsealed: 2, announcementBytes: 0 });
    company.apply(...records.slice(1));
    company.settle();
    expect(company.tooLarge).toEqual([]);
    expect(company.announcements).toHaveLength(1);
  });
});
