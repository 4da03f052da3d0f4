/** After a repartitioning, or in a recreated input, a company has rows with the higher offsets of its former log. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import { explain } from '../../../src/domain/explain.js';
import { completingOf } from '../../../src/domain/recount.js';
import { reportStall } from '../../../src/domain/stall.js';
import { transition } from '../../../src/domain/transition.js';

const FORMER = { offset: 1_000_000, at: Date.UTC(2026, 0, 1) };
const PRESENT = { offset: 0, at: Date.UTC(2027, 0, 1) };
type Log = typeof FORMER;

function newCompany(): CompanyRows {
  const rows = new CompanyRows('acme');
  rows.loadCompany(null);
  rows.allHoldsRead = true;
  rows.allLoaded = true;
  return rows;
}

function take(rows: CompanyRows, log: Log, index: number, payload: Payload): void {
  const event: InputEvent = {
    companyId: 'acme',
    clientId: 'client',
    offset: log.offset + index,
    timestamp: log.at + index,
    repairs: [],
    payload,
  };
  transition(rows, event, 'ALL_DATASETS');
}

function status(datasetId: string, word: string): Payload {
  return { kind: 'status', datasetId, status: word, trigger: 'LINK', revision: null };
}

function manifest(...ids: string[]): Payload {
  const datasets = ids.map((datasetId) => ({ datasetId, dataType: 'invoices' }));
  const names = { linkId: 'l', connectionId: 'c', sourceType: 's', companyName: 'n' };
  return { kind: 'manifest', ...names, isFinal: true, datasets };
}

test('the oldest early datasets are forgotten, and not those of the present log', () => {
  const rows = newCompany();
  for (let i = 0; i < 900; i++) take(rows, FORMER, i, status(`old-${i}`, 'Complete'));
  for (let i = 0; i < 101; i++) take(rows, PRESENT, i, status(`new-${i}`, 'Complete'));
  const left = rows.datasets().map(([id]) => id);
  expect(left.filter((id) => id.startsWith('new-'))).toHaveLength(101);
  expect(left).toHaveLength(501);
});

test('an overdue company is announced by the latest of the records that completed it', () => {
  const rows = newCompany();
  take(rows, FORMER, 0, manifest('a', 'b'));
  take(rows, FORMER, 1, status('a', 'RoutingError'));
  take(rows, PRESENT, 1, status('b', 'RoutingError'));
  expect(completingOf(rows, PRESENT.offset + 2)).toMatchObject({
    offset: PRESENT.offset + 1,
    timestamp: PRESENT.at + 1,
  });
});

test('the clocks of producers do not decide which record of the present log is the last', () => {
  const rows = newCompany();
  take(rows, PRESENT, 0, manifest('a', 'b'));
  take(rows, { ...PRESENT, at: PRESENT.at + 1_000 }, 1, status('a', 'RoutingError'));
  take(rows, { ...PRESENT, at: -1 }, 2, status('b', 'RoutingError'));
  expect(completingOf(rows, 3)).toMatchObject({ offset: 2, timestamp: 1 });
});

test('a stall and an explanation name the dataset first that has waited longest', () => {
  const rows = newCompany();
  take(rows, FORMER, 0, manifest('a', 'b'));
  take(rows, PRESENT, 0, status('b', 'Fetching'));
  const { sentence } = explain(rows, { asOf: null, policy: 'ALL_DATASETS' });
  expect(sentence).toMatch(/invoices Queued since 2026-.*, invoices Fetching since 2027-/);
  expect(reportStall(rows).waitingFor.map(({ datasetId }) => datasetId)).toEqual(['a', 'b']);
});
