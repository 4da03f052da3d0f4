/** When `CompanySyncFailed` is published, as examples. `companyAfter` checks that the reference model agrees. */
import type { PendingCompany } from '../../../src/domain/rows.js';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { Payload } from '../../../src/domain/events.js';
import { reportFailure } from '../../../src/domain/sync-failure.js';
import { transition } from '../../../src/domain/transition.js';
import {
  announcedElsewhere,
  badRecord,
  companyAfter,
  deleted,
  earlier,
  manifest,
  part,
  repairing,
  status,
  unlinked,
  type Draft,
} from './histories.js';

/** `<attempt> at <offset>` of each failure. */
function failuresOf(...drafts: readonly Draft[]): string[] {
  return companyAfter(...drafts).failures.map(({ attempt, source }) => `${attempt} at ${source.offset}`);
}

const LINK = manifest('link-1', 'connection-1', ['a', 'b']);
const A_FAILED = status('a', 'FetchError');
const B_FAILED = status('b', 'AuthError');

describe('a company is reported as failed', () => {
  test('with its datasets and its counts, when all have finished and none is Complete', () => {
    const { failures } = companyAfter(LINK, A_FAILED, status('b', 'NotSupported'));
    expect(failures).toMatchObject([
      {
        attempt: 1,
        failed: 1,
        ended: 1,
        companyName: 'name',
        connections: [{ connectionId: 'connection-1', sourceType: 'source' }],
        datasets: [
          { datasetId: 'a', status: 'FetchError', decidedAtOffset: 1 },
          { datasetId: 'b', status: 'NotSupported', decidedAtOffset: 2 },
        ],
        source: { offset: 2 },
      },
    ]);
    expect(failures[0]?.linkedAt).toBe(LINK.timestamp);
  });

  test.each<[string, Draft[], string[]]>([
    ['by the manifest that names datasets which have failed before', [A_FAILED, B_FAILED, LINK], ['1 at 2']],
    ['by the manifest that seals the last link', [part('l', 'c', ['a']), A_FAILED, manifest('l', 'c', [])], ['1 at 2']],
    ['by the unlinking that ends the last dataset', [LINK, A_FAILED, unlinked('connection-1')], ['1 at 2']],
    ['by the repair that lifts the last hold', [LINK, badRecord(), A_FAILED, repairing([1], B_FAILED)], ['1 at 3']],
    [
      'by a repair that is stale itself',
      [
        LINK,
        badRecord(),
        A_FAILED,
        status('b', 'AuthError', { revision: 2 }),
        repairing([1], status('b', 'Fetching', { revision: 1 })),
      ],
      ['1 at 4'],
    ],
  ])('%s', (_what, drafts, expected) => expect(failuresOf(...drafts)).toEqual(expected));

  test('again each time that it comes back into that state, and only then', () => {
    expect(failuresOf(LINK, A_FAILED, B_FAILED, status('a', 'Queued'), A_FAILED)).toEqual(['1 at 2', '2 at 4']);
    expect(failuresOf(LINK, A_FAILED, B_FAILED, part('l2', 'c2', []), manifest('l2', 'c2', []))).toEqual([
      '1 at 2',
      '2 at 4',
    ]);
    expect(failuresOf(LINK, A_FAILED, B_FAILED, badRecord(), repairing([3], B_FAILED))).toEqual(['1 at 2', '2 at 4']);
  });
});

describe('a company is not reported as failed', () => {
  test.each<[string, Draft[]]>([
    ['while a dataset is in progress', [LINK, A_FAILED]],
    ['while a link is not sealed', [part('l', 'c', ['a']), A_FAILED]],
    ['while it is held', [LINK, A_FAILED, badRecord(), B_FAILED]],
    ['without a manifest', [A_FAILED, B_FAILED]],
    ['without a dataset', [manifest('l', 'c', [])]],
    ['if a dataset is Complete', [LINK, status('a', 'Complete'), B_FAILED]],
    ['under FIRST_DATASET', [earlier(null, LINK), earlier(null, A_FAILED), earlier(null, B_FAILED)]],
    ['after its deletion', [LINK, deleted(), A_FAILED, B_FAILED]],
    ['after another system announced it', [LINK, announcedElsewhere(), A_FAILED, B_FAILED]],
  ])('%s', (_what, drafts) => expect(failuresOf(...drafts)).toEqual([]));

  test('by a record that leaves it in that state', () => {
    const before = [LINK, A_FAILED, B_FAILED];
    for (const after of [B_FAILED, status('a', 'Cancelled'), manifest('l2', 'c2', []), unlinked('connection-1')])
      expect(failuresOf(...before, after)).toEqual(['1 at 2']);
  });

  test('by a later record of ALL_DATASETS, if it came into that state under FIRST_DATASET', () => {
    expect(failuresOf(earlier(null, LINK), A_FAILED, earlier(null, B_FAILED), A_FAILED)).toEqual([]);
  });
});

test('a later record of the same batch does not change what was reported', () => {
  const rows = new CompanyRows('company');
  rows.loadCompany(null);
  const apply = (offset: number, payload: Payload) => {
    const event = { companyId: 'company', clientId: 'client', offset, timestamp: 1, repairs: [], payload };
    return { event, outcome: transition(rows, event, 'ALL_DATASETS') };
  };
  const names = { sourceType: 'source', companyName: 'name', isFinal: true, datasets: [] };
  const datasets = [{ datasetId: 'a', dataType: 'invoices' }];
  apply(0, { kind: 'manifest', ...names, linkId: 'link-1', connectionId: 'connection-1', datasets });
  const failing = { kind: 'status', datasetId: 'a', status: 'FetchError', trigger: 'LINK', revision: null } as const;
  const { event, outcome } = apply(1, failing);
  expect(outcome).toEqual({ kind: 'failed' });
  const failure = reportFailure(rows, event);
  const reported = structuredClone(failure);
  apply(2, { kind: 'manifest', ...names, linkId: 'link-2', connectionId: 'connection-2', datasets });
  apply(3, { ...failing, status: 'Queued' });
  expect(failure).toEqual(reported);
});

test('a company that was reported as failed is announced as ever when a re-queue succeeds', () => {
  const company = companyAfter(LINK, A_FAILED, B_FAILED, status('a', 'Queued'), status('a', 'Complete'));
  expect(company.announcements).toMatchObject([{ source: { offset: 4 }, succeeded: 1, failed: 1 }]);
  expect(company.stored.firstSync.size).toBe(0);
});

test('the row says that the present state was reported until the company leaves it', () => {
  const reported = (...drafts: readonly Draft[]) =>
    (companyAfter(LINK, A_FAILED, B_FAILED, ...drafts).company as PendingCompany).failureReported;
  expect(reported()).toBe(true);
  expect(reported(B_FAILED, manifest('l2', 'c2', []))).toBe(true);
  for (const leaving of [status('a', 'Queued'), part('l2', 'c2', []), manifest('l2', 'c2', ['c']), badRecord()])
    expect(reported(leaving)).toBe(false);
});
