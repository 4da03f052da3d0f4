/** The options of `npm run simulate`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { KINDS } from './instances/faults.js';
import { NOTHING, parseLeftOut } from './left-out.js';
import type { Search } from './search.js';
import { MAX_SHRINKING_MS, MAX_TRIES } from './shrink.js';

const COMMAND = 'npm run simulate';
const HELP = `Searches for faults: each seed is one run, and always the same run.

npm run simulate -- [options]
  --from N         the first seed (1)
  --seeds N        how many seeds (1000)
  --workers N      processes that run seeds (one for each core). One seed, and all seeds with --trace, run without them
  --pipeline       runs the pipeline under its ports, and not whole instances
  --fault 'NAME'   whole instances only: each run has this kind of fault alone; may be repeated
  --trace          prints every step
  --keep-going     continues after a seed that failed
  --shrink         leaves out faults and records of the first seed that failed, as long as it still fails in the
                   same way; at most ${MAX_TRIES} runs, and no new one after ${MAX_SHRINKING_MS / 1_000} s
  --without 'faults 3,7; records 10-40'
                   leaves out these faults and records of the seed, by their numbers in the trace; needs --seeds 1

Examples
  npm run simulate -- --seeds 500                        searches 500 seeds
  npm run simulate -- --seeds 1 --from 123 --trace       replays seed 123
  npm run simulate -- --seeds 1 --from 123 --shrink      finds a smaller case of seed 123
  npm run simulate -- --pipeline --seeds 10000           searches the pipeline
  npm run simulate -- --fault 'broker cut off'           searches with one kind of fault

Exit codes: 0 no seed failed, 1 a seed failed, 2 an option is wrong`;

interface Options extends Search {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly isKeptGoing: boolean;
  readonly isShrunk: boolean;
}

/** Ends the process if an option is wrong, or after the help. */
export function optionsOf(args: string[]): Options {
  const values = valuesOf(args);
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const { pipeline: isPipeline, trace: isTraced, fault: faults = null } = values;
  if (faults !== null && (isPipeline || faults.some((kind) => !Object.hasOwn(KINDS, kind))))
    refuse(`--fault must be one of these, without --pipeline: ${Object.keys(KINDS).join(', ')}`);
  const from = wholeNumber('from', values.from, 0);
  const seeds = wholeNumber('seeds', values.seeds, 1);
  const leftOut = values.without === undefined ? NOTHING : parseLeftOut(values.without);
  if (leftOut === null)
    refuse(`--without must look like 'faults 3,7; records 10-40', or have one of the two: it is '${values.without}'`);
  if (values.without !== undefined && seeds !== 1)
    refuse(`--without needs --seeds 1, because each seed has its own faults and records: --seeds is ${seeds}`);
  const cores = isTraced ? 1 : availableParallelism();
  const workers = Math.min(seeds, wholeNumber('workers', values.workers ?? String(cores), 1));
  const { 'keep-going': isKeptGoing, shrink: isShrunk } = values;
  return { from, seeds, workers, isPipeline, isTraced, faults, leftOut, isKeptGoing, isShrunk };
}

function valuesOf(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        pipeline: { type: 'boolean', default: false },
        seeds: { type: 'string', default: '1000' },
        from: { type: 'string', default: '1' },
        workers: { type: 'string' },
        fault: { type: 'string', multiple: true },
        trace: { type: 'boolean', default: false },
        without: { type: 'string' },
        shrink: { type: 'boolean', default: false },
        'keep-going': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    refuse((error as Error).message);
  }
}

/** Ends the process if the text is not such a number. */
export function wholeNumber(name: string, text: string, min: number, command = COMMAND): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < min)
    refuse(`--${name} must be a whole number from ${min}: it is '${text}'`, command);
  return value;
}

/** Ends the process. */
export function refuse(why: string, command = COMMAND): never {
  console.error(`${why}\nAll options: ${command} -- --help`);
  process.exit(2);
}
