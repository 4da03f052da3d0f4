/**
 * Tests the search: plants each fault of the table in a copy of the tree, and counts the seeds until the search finds
 * it: `npm run simulate:planted -- --help`.
 */
import { parseArgs } from 'node:util';
import { refuse, wholeNumber } from '../options.js';
import { INSTANCE_FAULTS } from './instance-faults.js';
import { NOT_SIMULATED } from './not-simulated.js';
import { PIPELINE_FAULTS, type PlantedFault } from './pipeline-faults.js';
import { withPlanted, seedsUntilFound } from './plant.js';

const COMMAND = 'npm run simulate:planted';
const HELP = `Tests the search: plants each fault in a copy of the source, and counts the seeds until the search finds it.
Prints the result as Markdown.

${COMMAND} -- [words of a name] [options]
  --instances   searches whole instances, and not the pipeline under its ports
  --seeds N     how many seeds each search runs at most (3000)
  --workers N   processes that run seeds (one for each core)
  --shrink      prints the seed that fails, shrunk: its smallest history and list of faults
  --tests       prints the rules that no run can break, each with the test that guards it

Examples
  ${COMMAND} -- hold --seeds 200                     the faults with 'hold' in their name
  ${COMMAND} -- 'a hold is ignored' --shrink         a small case of this fault
  ${COMMAND} -- --instances                          the faults that whole instances show

Exit codes: 0 all faults were found, 1 a fault was not found, 2 an option is wrong`;

const { values, positionals } = argumentsOf();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seeds = wholeNumber('seeds', values.seeds, 1, COMMAND);
if (values.tests) {
  if (positionals.length > 0 || values.instances || values.shrink)
    refuse('--tests prints all rules, and runs no search', COMMAND);
  console.log('| fault | the simulation lacks | test that fails |\n| --- | --- | --- |');
  for (const { fault, lacks, test } of NOT_SIMULATED) console.log(`| ${fault} | ${lacks} | \`${test}\` |`);
  process.exit(0);
}
const wanted = positionals.join(' ');
const table = values.instances ? INSTANCE_FAULTS : PIPELINE_FAULTS;
const faults = table.filter(({ name }) => name.includes(wanted));
if (faults.length === 0) {
  const names = table.map(({ name }) => `  ${name}`).join('\n');
  refuse(`no planted fault of this search has '${wanted}' in its name. The names:\n${names}`, COMMAND);
}
process.exitCode = (values.shrink ? await printShrunk() : await printTable()) === 0 ? 0 : 1;

/** @returns how many faults were not found */
async function printTable(): Promise<number> {
  console.log('| planted fault | runs with | seeds until it was found |\n| --- | --- | --- |');
  let missed = 0;
  for (const fault of faults) {
    const count = await seedsUntilFound('.', fault, searchFor(fault));
    if (count === null) missed++;
    const kinds = (fault.aim ?? []).join(', ') || 'all faults';
    console.log(`| ${fault.name} | ${kinds} | ${count ?? `not found in ${seeds}`} |`);
  }
  console.log(`\n${faults.length - missed} of ${faults.length} planted faults were found`);
  return missed;
}

/** @returns how many faults were not found */
async function printShrunk(): Promise<number> {
  let missed = 0;
  for (const fault of faults) {
    console.log(`\n${fault.name}`);
    const output = await withPlanted('.', fault, (runSearch) => runSearch([...searchFor(fault), '--shrink']));
    const shrunk = /^seed \d+ SHRUNK to [^]*?(?=^replay it:)/m.exec(output)?.[0];
    if (shrunk === undefined) missed++;
    console.log(shrunk?.trimEnd() ?? `not found in ${seeds} seeds:\n${output.trimEnd()}`);
  }
  return missed;
}

function searchFor({ aim = [] }: PlantedFault): string[] {
  const search = values.instances ? aim.flatMap((kind) => ['--fault', kind]) : ['--pipeline'];
  const workers = values.workers === undefined ? [] : ['--workers', values.workers];
  return [...search, ...workers, '--seeds', String(seeds)];
}

function argumentsOf() {
  try {
    return parseArgs({
      options: {
        seeds: { type: 'string', default: '3000' },
        workers: { type: 'string' },
        instances: { type: 'boolean', default: false },
        shrink: { type: 'boolean', default: false },
        tests: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    });
  } catch (error) {
    refuse((error as Error).message, COMMAND);
  }
}
