/** What counts as progress of a company: the report of stalled companies depends on it. */
import { CompanyRows } from '../../../src/domain/company-rows.js';
import type { InputEvent, Payload } from '../../../src/domain/events.js';
import type { PendingCompany } from '../../../src/domain/rows.js';
import { hold, transition } from '../../../src/domain/transition.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

/** The hour of the first record; each later one is an hour after the one before. */
const FIRST_HOUR = 470_000;

const MANIFEST: Payload = {
  kind: 'manifest',
  linkId: 'l',
  connectionId: 'c',
  sourceType: 's',
  companyName: 'n',
  datasets: [{ datasetId: 'a', dataType: 't' }],
  isFinal: true,
};
const FETCHING: Payload = { kind: 'status', datasetId: 'a', status: 'Fetching', trigger: 'LINK', revision: 1 };

class Company {
  readonly rows = new CompanyRows('company');
  #hour = FIRST_HOUR;

  constructor() {
    this.rows.loadCompany(null);
  }

  take(payload: Payload, repairs: string[] = []): this {
    const timestamp = this.#hour++ * HOUR_MS + 1;
    const event: InputEvent = {
      companyId: 'company',
      clientId: 'client',
      offset: this.#hour,
      timestamp,
      repairs,
      payload,
    };
    transition(this.rows, event, 'ALL_DATASETS');
    return this;
  }

  hold(holdId: string): this {
    hold(this.rows, holdId, 'undecodable', this.#hour++ * HOUR_MS + 1);
    return this;
  }

  reportStalled(): this {
    this.rows.setCompany({ ...this.pending, stalled: true });
    return this;
  }

  get pending(): PendingCompany {
    return this.rows.company as PendingCompany;
  }

  get hoursOfProgress(): number {
    return this.pending.progressHour - FIRST_HOUR;
  }
}

test.each<[string, Payload, string[]]>([
  ['a manifest', { ...MANIFEST, linkId: 'l2' }, []],
  ['an applied status', { ...FETCHING, revision: 2 }, []],
  ['a repeated status', { ...FETCHING, revision: null }, []],
  ['an early status', { ...FETCHING, datasetId: 'other' }, []],
  ['an unlinking that ends a link', { kind: 'unlinked', connectionId: 'c' }, []],
  ['a lifted hold, though its own status is stale', FETCHING, ['0/1']],
])('%s is progress, and ends what was reported as stalled', (_name, payload, repairs) => {
  const company = new Company().take(MANIFEST).take(FETCHING).hold('0/1').reportStalled().take(payload, repairs);
  expect([company.hoursOfProgress, company.pending.stalled]).toEqual([3, false]);
});

test.each<[string, Payload]>([
  ['a stale status', FETCHING],
  ['a REFRESH status', { ...FETCHING, revision: 2, trigger: 'REFRESH' }],
  ['an unlinking that ends nothing', { kind: 'unlinked', connectionId: 'unknown' }],
])('%s is no progress', (_name, payload) => {
  const company = new Company().take(MANIFEST).take(FETCHING).reportStalled().take(payload);
  expect([company.hoursOfProgress, company.pending.stalled]).toEqual([1, true]);
});

test('a bad record is no progress', () => {
  const company = new Company().take(MANIFEST).reportStalled().hold('0/1');
  expect([company.hoursOfProgress, company.pending.stalled]).toEqual([0, true]);
});

test('a company that begins with a bad record waits from that record on', () => {
  expect(new Company().hold('0/1').hoursOfProgress).toBe(0);
});

test('a status that changes no count leaves the company row alone within the hour', () => {
  const { rows } = new Company().take(MANIFEST);
  const { company } = rows;
  const timestamp = FIRST_HOUR * HOUR_MS + HOUR_MS - 1;
  const event = { companyId: 'company', clientId: 'client', offset: 9, timestamp, repairs: [], payload: FETCHING };
  transition(rows, event, 'ALL_DATASETS');
  expect(rows.company).toBe(company);
});
