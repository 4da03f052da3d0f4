/** Long runs: `npm run soak`. `--help` prints the options. */
import { idle } from './idle-month.js';
import { HELP, parseOptions } from './options.js';
import { soak } from './steady.js';

const options = parseOptions(process.argv.slice(2));
const say = (line: string): void => console.log(line);
switch (options.kind) {
  case 'help':
    process.stdout.write(HELP);
    break;
  case 'fault':
    console.error(options.message);
    process.exitCode = 2;
    break;
  case 'idle':
    process.exitCode = (await idle(options, say)) ? 0 : 1;
    break;
  case 'steady':
    process.exitCode = (await soak(options, say)) ? 0 : 1;
}
