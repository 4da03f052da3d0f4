/** The text of an explanation stays readable, whatever the company has. */
import { explain } from '../../../src/domain/explain.js';
import { explanationText } from '../../../src/ops/explanation-text.js';
import { CONTEXT } from '../../support/company-history.js';
import { CompanyInStore } from '../domain/company-in-store.js';
import { badRecord, historyOf, part, status } from '../domain/histories.js';

test('each list has 100 entries at most, and says how many more there are', () => {
  const company = new CompanyInStore(CONTEXT);
  const numbers = Array.from({ length: 101 }, (_, i) => i);
  const links = numbers.map((i) => part(`link-${i}`, 'c', [`dataset-${i}`]));
  const early = numbers.map((i) => status(`early-${i}`, 'Fetching'));
  const holds = numbers.map(() => badRecord());
  for (const record of historyOf([...links, ...early, ...holds])) company.apply(record);
  company.settle();
  const text = explanationText(explain(company.storedRows(), { asOf: null, policy: 'ALL_DATASETS' }));
  for (const [entry, list] of [
    [/^ {2}link-/gm, 'links'],
    [/^ {2}Queued .* dataset-/gm, 'datasets'],
    [/^ {2}Fetching .* early-/gm, 'early datasets'],
    [/^ {2}3\/\d+ +undecodable/gm, 'holds'],
  ] as const)
    expect({ list, entries: text.match(entry)?.length }).toEqual({ list, entries: 100 });
  expect(text.match(/and 1 more: pass --json to list all/g)).toHaveLength(4);
});
