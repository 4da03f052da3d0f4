/** Chaos on a real cluster: `npm run chaos`. `--help` prints the options. */
import { chaos } from './chaos.js';
import { HELP, parseOptions, type ChaosOptions } from './options.js';
import { tableOf } from './report.js';

const options = parseOptions(process.argv.slice(2), Date.now());
switch (options.kind) {
  case 'help':
    process.stdout.write(HELP);
    break;
  case 'wrong':
    console.error(options.message);
    process.exitCode = 2;
    break;
  case 'chaos':
    process.exitCode = (await allRight([options])) ? 0 : 1;
    break;
  case 'matrix':
    process.exitCode = (await allRight(options.runs)) ? 0 : 1;
}

/** One run after another, and a table of all at the end. A run that fails does not stop the others. */
async function allRight(runs: readonly ChaosOptions[]): Promise<boolean> {
  const rows: string[] = [];
  let isRight = true;
  for (const run of runs) {
    const outcome = await chaos(run, (line) => console.log(line));
    isRight &&= outcome.isRight;
    rows.push(outcome.row);
  }
  console.log(tableOf(rows).join('\n'));
  return isRight;
}
