/**
 * Tests the search: plants each fault of the table in a copy of the tree, and counts the seeds until the search finds
 * it. `npm run simulate:planted -- [words of a name] [--seeds 1000]`. Exits with 1 if a fault is not found.
 */
import { parseArgs } from 'node:util';
import { PIPELINE_FAULTS } from './pipeline-faults.js';
import { seedsUntilFound } from './plant.js';

const { values, positionals } = parseArgs({
  options: { seeds: { type: 'string', default: '1000' } },
  allowPositionals: true,
});
const wanted = positionals.join(' ');
const faults = PIPELINE_FAULTS.filter(({ name }) => name.includes(wanted));
if (faults.length === 0) {
  console.error(`no planted fault has '${wanted}' in its name. The names:`);
  for (const { name } of PIPELINE_FAULTS) console.error(`  ${name}`);
  process.exit(2);
}

console.log('| planted fault | seeds until it was found |\n| --- | --- |');
let missed = 0;
for (const fault of faults) {
  const seeds = await seedsUntilFound('.', fault, ['--pipeline', '--seeds', values.seeds]);
  if (seeds === null) missed++;
  console.log(`| ${fault.name} | ${seeds ?? `not found in ${values.seeds}`} |`);
}
console.log(`\n${faults.length - missed} of ${faults.length} planted faults were found`);
process.exitCode = missed === 0 ? 0 : 1;
