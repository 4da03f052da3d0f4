/** The search finds planted faults. `npm run simulate:planted` plants all of them. */
import { existsSync, readFileSync } from 'node:fs';
import { KINDS } from '../../../testkit/simulation/instances/faults.js';
import { INSTANCE_FAULTS } from '../../../testkit/simulation/planted/instance-faults.js';
import { NOT_SIMULATED } from '../../../testkit/simulation/planted/not-simulated.js';
import { PIPELINE_FAULTS } from '../../../testkit/simulation/planted/pipeline-faults.js';
import { seedsUntilFound, sourceWith } from '../../../testkit/simulation/planted/plant.js';

test.each([...PIPELINE_FAULTS, ...INSTANCE_FAULTS])('the source still has the place for: $name', ({ changes }) => {
  for (const change of changes) {
    const source = readFileSync(change.file, 'utf8');
    expect(sourceWith(change, source)).not.toBe(source);
  }
});

test.each(NOT_SIMULATED)('another test exists for: $fault', ({ test: file }) => {
  expect(existsSync(file)).toBe(true);
});

test('each search is aimed at faults that exist', () => {
  const aims = INSTANCE_FAULTS.flatMap(({ aim = [] }) => aim);
  expect(aims.length).toBeGreaterThan(0);
  expect(aims.filter((kind) => KINDS[kind] === undefined)).toEqual([]);
});

test('a hold that is ignored is found', async () => {
  const fault = PIPELINE_FAULTS.find(({ name }) => name === 'a hold is ignored');
  expect(await seedsUntilFound('.', fault!, ['--pipeline', '--seeds', '50'])).toBeLessThanOrEqual(50);
}, 60_000);

test('without a fault, the search finds none', async () => {
  expect(await seedsUntilFound('.', { name: 'none', changes: [] }, ['--pipeline', '--seeds', '5'])).toBeNull();
}, 60_000);
