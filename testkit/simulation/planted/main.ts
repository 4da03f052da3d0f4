/**
 * Tests the search: plants each fault of the table in a copy of the tree, and counts the seeds until the search finds
 * it. `npm run simulate:planted -- [words of a name] [--instances] [--seeds 3000]`. Exits with 1 if a fault is not found.
 */
import { parseArgs } from 'node:util';
import { INSTANCE_FAULTS } from './instance-faults.js';
import { PIPELINE_FAULTS } from './pipeline-faults.js';
import { seedsUntilFound } from './plant.js';

const { values, positionals } = parseArgs({
  options: { seeds: { type: 'string', default: '3000' }, instances: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const wanted = positionals.join(' ');
const table = values.instances ? INSTANCE_FAULTS : PIPELINE_FAULTS;
const faults = table.filter(({ name }) => name.includes(wanted));
if (faults.length === 0) {
  console.error(`no planted fault has '${wanted}' in its name. The names:`);
  for (const { name } of table) console.error(`  ${name}`);
  process.exit(2);
}

console.log('| planted fault | seeds until it was found |\n| --- | --- |');
let missed = 0;
for (const fault of faults) {
  const search = values.instances ? [] : ['--pipeline'];
  const seeds = await seedsUntilFound('.', fault, [...search, '--seeds', values.seeds]);
  if (seeds === null) missed++;
  console.log(`| ${fault.name} | ${seeds ?? `not found in ${values.seeds}`} |`);
}
console.log(`\n${faults.length - missed} of ${faults.length} planted faults were found`);
process.exitCode = missed === 0 ? 0 : 1;
