/** The table of accepted differences between the simulated and a real Kafka. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCEPTED, acceptedDifferences, judge } from '../../../testkit/conformance/accepted-differences.js';
import { SCENARIOS, SCENARIOS_OF_THREE } from '../../../testkit/conformance/run.js';

const found = { step: '3. Fetch', real: '{"errorCode":0}', simulated: '{"errorCode":6}' };
const entry = { ...found, scenario: 'a leader moves', reason: 'a test' };

test('a difference that is not in the table is refused', () => {
  expect(judge('a leader moves', [found], [])).toEqual({ accepted: [], refused: [found] });
  expect(judge('another scenario', [found], [entry]).refused).toEqual([found]);
});

test('a difference of the table is accepted only with these two answers', () => {
  expect(judge('a leader moves', [found], [entry])).toEqual({ accepted: [entry], refused: [] });
  const other = { ...found, simulated: '{"errorCode":7}' };
  expect(judge('a leader moves', [other], [entry]).refused).toHaveLength(2);
});

test('an entry of the table that no longer differs is refused', () => {
  const { refused } = judge('a leader moves', [], [entry]);
  expect(refused.map(({ step }) => step)).toEqual(['3. Fetch: accepted, but no longer so. Remove it from the table']);
});

test('each entry names a scenario', () => {
  const names = Object.keys({ ...SCENARIOS, ...SCENARIOS_OF_THREE });
  expect(ACCEPTED.filter(({ scenario }) => !names.includes(scenario))).toEqual([]);
});

test('docs/reliability.md has the tables that the command prints', () => {
  const docs = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'reliability.md'), 'utf8');
  expect(docs).toContain(acceptedDifferences());
});
