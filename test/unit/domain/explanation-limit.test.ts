/** An explanation has a limited number of bytes, whatever the ids of the company are. */
import { explain, withAnnouncedContent } from '../../../src/domain/explain.js';
import { limitExplanation, MAX_EXPLANATION_BYTES } from '../../../src/domain/explanation-limit.js';
import type { Explanation } from '../../../src/domain/explanation.js';
import { MAX_LISTED_HOLDS, MAX_NAMED_DATASETS, MAX_TEXT_BYTES } from '../../../src/domain/limits.js';
import { printable } from '../../../src/lib/printable.js';
import { explanation as schema } from '../../../src/ops/api-schemas.js';
import { explanationText } from '../../../src/ops/explanation-text.js';
import { companyAfter, manifest, part, status } from './histories.js';

/** JSON takes six bytes for each of them. */
const LONGEST = '\u007f'.repeat(MAX_TEXT_BYTES - 5);
const NUMBERS = Array.from({ length: MAX_NAMED_DATASETS }, (_, i) => i);
const asOf = { topic: 'sync-events', partition: 3, offset: 1_000 };

const bytesOf = (explanation: Explanation) => Buffer.byteLength(printable(JSON.stringify(explanation)));

/** One link with the longest id, whose datasets repeat that id: JSON of 60 MB if all were listed. */
function repeatedIds(): Explanation {
  const datasets = NUMBERS.map((i) => `d${i}`);
  return explain(companyAfter(manifest(LONGEST, 'c', datasets)).storedRows(), { asOf, policy: 'ALL_DATASETS' });
}

test('ids that each dataset repeats do not make a large answer', () => {
  const explanation = repeatedIds();
  const { datasets, omitted, counts, notes, sentence } = explanation;
  expect(bytesOf(explanation)).toBeLessThanOrEqual(MAX_EXPLANATION_BYTES);
  expect(bytesOf(explanation)).toBeGreaterThan(0.9 * MAX_EXPLANATION_BYTES);
  expect(omitted).toEqual({ holds: 0, early: 0, links: 0, datasets: MAX_NAMED_DATASETS - datasets.length });
  expect(counts?.datasets).toBe(MAX_NAMED_DATASETS);
  expect(notes.at(-1)).toBe(
    `left out, because an explanation has at most 8 MiB: ${omitted?.datasets} datasets; ` +
      'unfinished datasets and open links are listed first',
  );
  expect(sentence).toContain('waiting for 10000 of 10000 datasets');
  schema.parse(explanation);
  const text = explanationText(explanation);
  expect(text).toContain(`and ${MAX_NAMED_DATASETS - 100} more: pass --json to list the first ${datasets.length}`);
});

test('each of the four lists has room, and what blocks the company comes first', () => {
  const [dataset] = repeatedIds().datasets;
  const [link] = explain(companyAfter(part(LONGEST, LONGEST, ['a'])).storedRows(), {
    asOf,
    policy: 'ALL_DATASETS',
  }).links;
  if (dataset === undefined || link === undefined) throw new Error('nothing is listed');
  const bare = explain(companyAfter(part('l', 'c', ['a'])).storedRows(), { asOf, policy: 'ALL_DATASETS' });
  const limited = limitExplanation({
    ...bare,
    holds: NUMBERS.slice(0, MAX_LISTED_HOLDS).map((i) => ({
      record: `3/${i}`,
      code: 'too-large',
      reason: LONGEST,
      at: '',
    })),
    links: NUMBERS.map((i) => ({ ...link, state: i < 9_999 ? 'ended' : 'open' })),
    datasets: NUMBERS.map((i) => ({ ...dataset, class: i < 9_999 ? 'succeeded' : 'in-progress' })),
    early: NUMBERS.map(() => ({ datasetId: LONGEST, latest: { status: LONGEST, offset: 1, since: '' } })),
  });
  expect(bytesOf(limited)).toBeLessThanOrEqual(MAX_EXPLANATION_BYTES);
  for (const list of ['holds', 'links', 'datasets', 'early'] as const) {
    expect({ list, listed: limited[list].length > 100 }).toEqual({ list, listed: true });
    expect(limited.omitted?.[list]).toBeGreaterThan(0);
  }
  expect([limited.links[0]?.state, limited.datasets[0]?.class]).toEqual(['open', 'in-progress']);
});

test('with ids of 50 bytes, everything is listed', () => {
  const id = 'x'.repeat(50);
  const bare = explain(companyAfter(part(id, id, [id])).storedRows(), { asOf, policy: 'ALL_DATASETS' });
  const [dataset, link] = [bare.datasets[0], bare.links[0]];
  if (dataset === undefined || link === undefined) throw new Error('nothing is listed');
  const hold = { record: '1000/1000000000000', code: 'too-large', reason: id, at: dataset.since ?? '' } as const;
  const whole = {
    ...bare,
    holds: NUMBERS.slice(0, MAX_LISTED_HOLDS).map(() => hold),
    links: NUMBERS.map(() => link),
    datasets: NUMBERS.map(() => dataset),
  };
  const limited = limitExplanation(whole);
  expect(limited).not.toHaveProperty('omitted');
  expect(limited.datasets).toHaveLength(NUMBERS.length);
});

test('the datasets of an announcement are limited too', () => {
  const announced = explain(companyAfter(manifest('l', 'c', ['a']), status('a', 'Complete')).storedRows(), {
    asOf,
    policy: 'ALL_DATASETS',
  });
  const dataset = { dataType: LONGEST, connectionId: LONGEST, status: 'Complete', decidedAtOffset: 1 };
  const datasets = NUMBERS.map((i) => ({ ...dataset, datasetId: `d${i}` }));
  const content = { clientId: 'c', companyName: 'n', connections: [], datasets };
  const explanation = withAnnouncedContent(announced, content);
  expect(bytesOf(explanation)).toBeLessThanOrEqual(MAX_EXPLANATION_BYTES);
  expect(explanation.omitted?.datasets).toBe(NUMBERS.length - explanation.datasets.length);
});

test('an older release reads a limited explanation: it misses no field, and one more field is not a fault', () => {
  const older = schema.omit({ omitted: true });
  const faults = older.safeParse(repeatedIds()).error?.issues.map(({ code, path }) => ({ code, path }));
  expect(faults).toEqual([{ code: 'unrecognized_keys', path: [] }]);
});
