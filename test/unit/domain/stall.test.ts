import fc from 'fast-check';
import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { Payload } from '../../../src/domain/events.js';
import { NEW_COMPANY } from '../../../src/domain/pending-company.js';
import type { PendingCompany } from '../../../src/domain/rows.js';
import { dateProgress, isStalled, reportStall } from '../../../src/domain/stall.js';
import { hold, transition } from '../../../src/domain/transition.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

const FIRST_HOUR = 470_000;
const FIRST_RECORD_AT = FIRST_HOUR * HOUR_MS + 1;

function manifest(linkId: string, datasetIds: readonly string[], isFinal: boolean): Payload {
  const datasets = datasetIds.map((datasetId) => ({ datasetId, dataType: 'invoices' }));
  return {
    kind: 'manifest',
    linkId,
    connectionId: `c of ${linkId}`,
    sourceType: 's',
    companyName: 'n',
    datasets,
    isFinal,
  };
}

function take(rows: CompanyRows, payload: Payload, timestamp = FIRST_RECORD_AT): void {
  const event = { companyId: rows.companyId, clientId: 'client', offset: 1, timestamp, repairs: [], payload };
  transition(rows, event, 'ALL_DATASETS');
}

function newCompany(): CompanyRows {
  const rows = new CompanyRows('company');
  rows.loadCompany(null);
  return rows;
}

test('no company is stalled before its time, and every company is stalled an hour after it at the latest', () => {
  fc.assert(
    fc.property(fc.nat(1e12), fc.nat(1e9), fc.nat(1e12), (since, stalledAfterMs, later) => {
      const progressAt = Date.UTC(2015, 0, 1) + since;
      const company = { ...NEW_COMPANY, progressHour: Math.floor(progressAt / HOUR_MS) };
      const stalled = isStalled(company, progressAt + later, stalledAfterMs);
      if (later < stalledAfterMs) expect(stalled).toBe(false);
      if (later >= stalledAfterMs + HOUR_MS) expect(stalled).toBe(true);
    }),
  );
});

test('a stall names what the company waits for, and nothing that has finished', () => {
  const rows = newCompany();
  take(rows, manifest('sealed', ['a', 'b'], true));
  take(rows, manifest('open', ['c'], false));
  take(rows, manifest('gone', ['d'], false));
  take(rows, { kind: 'unlinked', connectionId: 'c of gone' });
  take(rows, { kind: 'status', datasetId: 'a', status: 'Complete', trigger: 'LINK', revision: null });
  take(rows, { kind: 'status', datasetId: 'b', status: 'Fetching', trigger: 'LINK', revision: null });
  hold(rows, '3/77', 'undecodable', FIRST_RECORD_AT);
  const { waitingFor, ...rest } = reportStall(rows);
  expect(waitingFor.map(({ datasetId, status }) => `${datasetId} ${status}`).sort()).toEqual([
    'b Fetching',
    'c Queued',
  ]);
  expect(rest).toEqual({
    companyId: 'company',
    clientId: 'client',
    since: FIRST_HOUR * HOUR_MS,
    unsealedLinks: ['open'],
    heldBy: ['3/77'],
    waitingForCount: 2,
    unsealedLinksCount: 1,
    heldByCount: 1,
  });
});

test('a stall is reported once, and again only after progress', () => {
  const rows = newCompany();
  take(rows, manifest('l', ['a'], true));
  reportStall(rows);
  expect(() => reportStall(rows)).toThrow('no unreported stall');
  hold(rows, '0/1', 'undecodable', FIRST_RECORD_AT + HOUR_MS); // a bad record is no progress
  expect(() => reportStall(rows)).toThrow('no unreported stall');
  take(rows, { kind: 'status', datasetId: 'a', status: 'Fetching', trigger: 'LINK', revision: null });
  expect(reportStall(rows).heldBy).toEqual(['0/1']);
});

test('a company without a manifest has no client yet', () => {
  const rows = newCompany();
  take(rows, { kind: 'status', datasetId: 'a', status: 'Complete', trigger: 'LINK', revision: null });
  expect(reportStall(rows)).toMatchObject({ clientId: '', waitingFor: [], unsealedLinks: [] });
});

test('each list has 100 entries at most, the longest waiting first, and the counts say how many there are', () => {
  const rows = newCompany();
  const names = Array.from({ length: 101 }, (_, i) => `d${i}`);
  for (const [i, name] of names.entries()) {
    take(rows, manifest(`link ${name}`, [name], false));
    hold(rows, `3/${i}`, 'too-large', FIRST_RECORD_AT);
  }
  const event = { companyId: 'company', clientId: 'client', offset: 0, timestamp: FIRST_RECORD_AT, repairs: [] };
  const payload: Payload = { kind: 'status', datasetId: 'd100', status: 'Fetching', trigger: 'LINK', revision: null };
  transition(rows, { ...event, payload }, 'ALL_DATASETS');
  const stall = reportStall(rows);
  expect([stall.waitingFor.length, stall.unsealedLinks.length, stall.heldBy.length]).toEqual([100, 100, 100]);
  expect(stall).toMatchObject({ waitingForCount: 101, unsealedLinksCount: 101, heldByCount: 101 });
  expect(stall.waitingFor[0]?.datasetId).toBe('d100');
});

test.each([-1, 1_700_000_000, Date.UTC(2015, 0, 1) - 1, Date.UTC(2027, 0, 1) * 1_000, Date.UTC(2028, 0, 1)])(
  'a record stamped %s says nothing about progress: the company is not stalled until it is given a date',
  (timestamp) => {
    const rows = newCompany();
    take(rows, manifest('l', ['a'], true), timestamp);
    const now = Date.UTC(2027, 0, 1);
    expect(isStalled(rows.company as PendingCompany, now, HOUR_MS)).toBe(false);
    dateProgress(rows, now);
    expect(isStalled(rows.company as PendingCompany, now, HOUR_MS)).toBe(false);
    expect(isStalled(rows.company as PendingCompany, now + 3 * HOUR_MS, HOUR_MS)).toBe(true);
  },
);
