/**
 * Tests the search: plants each fault of the table in a copy of the tree, and counts the seeds until the search finds
 * it. `npm run simulate:planted -- [words of a name] [--instances] [--seeds 3000]`. Prints the result as Markdown. Exits
 * with 1 if a fault is not found.
 */
import { parseArgs } from 'node:util';
import { INSTANCE_FAULTS } from './instance-faults.js';
import { NOT_SIMULATED } from './not-simulated.js';
import { PIPELINE_FAULTS } from './pipeline-faults.js';
import { seedsUntilFound } from './plant.js';

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3000' },
    instances: { type: 'boolean', default: false },
    tests: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.tests) {
  console.log('| fault | the simulation lacks | test that fails |\n| --- | --- | --- |');
  for (const { fault, lacks, test } of NOT_SIMULATED) console.log(`| ${fault} | ${lacks} | \`${test}\` |`);
  process.exit(0);
}
const wanted = positionals.join(' ');
const table = values.instances ? INSTANCE_FAULTS : PIPELINE_FAULTS;
const faults = table.filter(({ name }) => name.includes(wanted));
if (faults.length === 0) {
  console.error(`no planted fault has '${wanted}' in its name. The names:`);
  for (const { name } of table) console.error(`  ${name}`);
  process.exit(2);
}

console.log('| planted fault | runs with | seeds until it was found |\n| --- | --- | --- |');
let missed = 0;
for (const { name, changes, aim = [] } of faults) {
  const search = values.instances ? aim.flatMap((kind) => ['--fault', kind]) : ['--pipeline'];
  const seeds = await seedsUntilFound('.', { name, changes }, [...search, '--seeds', values.seeds]);
  if (seeds === null) missed++;
  const kinds = aim.length === 0 ? 'all faults' : aim.join(', ');
  console.log(`| ${name} | ${kinds} | ${seeds ?? `not found in ${values.seeds}`} |`);
}
console.log(`\n${faults.length - missed} of ${faults.length} planted faults were found`);
process.exitCode = missed === 0 ? 0 : 1;
