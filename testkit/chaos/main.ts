/** Chaos on a real cluster: `npm run chaos`. `--help` prints the options. */
import { chaos } from './chaos.js';
import { HELP, parseOptions } from './options.js';

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
    process.exitCode = (await chaos(options, (line) => console.log(line))) ? 0 : 1;
}
