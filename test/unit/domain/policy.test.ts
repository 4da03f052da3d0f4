import { clientMayChoose, policyFor } from '../../../src/domain/policy.js';

const FROM = Date.parse('2023-10-10T00:00:00Z');

test.each([undefined, 'FIRST_DATASET', 'ALL_DATASETS'] as const)(
  'a record stamped at the date or later is judged by ALL_DATASETS, whatever the client chose: %s',
  (setting) => {
    expect([policyFor(FROM, FROM, setting), policyFor(FROM + 1, FROM, setting)]).toEqual([
      'ALL_DATASETS',
      'ALL_DATASETS',
    ]);
  },
);

test.each([
  [undefined, 'FIRST_DATASET'],
  ['FIRST_DATASET', 'FIRST_DATASET'],
  ['ALL_DATASETS', 'ALL_DATASETS'],
] as const)(
  'a record stamped before the date is judged by the choice of the client: %s gives %s',
  (setting, policy) => {
    expect(policyFor(FROM - 1, FROM, setting)).toBe(policy);
  },
);

test.each([-1, 0, 1_700_000_000, Date.UTC(2015, 0, 1) - 1])(
  'a record timestamp that is not a date (%s) is judged by ALL_DATASETS, whatever the client chose',
  (timestamp) => {
    for (const setting of [undefined, 'FIRST_DATASET', 'ALL_DATASETS'] as const)
      expect(policyFor(timestamp, FROM, setting)).toBe('ALL_DATASETS');
    expect(clientMayChoose(timestamp, FROM)).toBe(false);
  },
);

test('the first date is that of 2015', () => {
  expect(policyFor(Date.UTC(2015, 0, 1), FROM, undefined)).toBe('FIRST_DATASET');
});
