import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export interface FuzzRun {
  readonly kind: 'run';
  readonly targets: readonly string[];
  /** For each target. */
  readonly seconds: number;
  readonly runs: number;
  readonly seed: number;
  /** Adds inputs that reach new code to the corpus. */
  readonly keeps: boolean;
  /** Runs this file alone. */
  readonly input: string | null;
}

export type FuzzOptions =
  | FuzzRun
  | { readonly kind: 'help' }
  | { readonly kind: 'samples' }
  | { readonly kind: 'fault'; readonly message: string };

const MAX_SEED = 2 ** 32;

export function HELP(targets: readonly { readonly name: string; readonly input: string }[]): string {
  const width = Math.max(...targets.map(({ name }) => name.length));
  return `npm run fuzz -- [options]

Gives hostile inputs to everything that reads bytes of others. Begins with the inputs of testkit/fuzz/corpus, changes them
at random, and keeps those that reach new code of src. Stops a target at its first finding: an error class that the
target does not name, too much time, or too much memory. Saves the input, made smaller, in the corpus, and prints the
command that runs it again.

  --target NAME   this target alone; may be given several times (all)
  --seconds N     for each target (60)
  --runs N        inputs for each target (no limit)
  --seed N        the seed of the changes (a random one, which is printed). With --runs and one target, a seed repeats
                  a run, if the corpus and the code are the same
  --input FILE    run this file alone, for one target
  --keep          add inputs that reach new code to the corpus, a few kB of each run
  --samples       write the valid samples of all targets to the corpus
  --help          print this

${targets.map(({ name, input }) => `  ${name.padEnd(width)}  ${input}`).join('\n')}

Exit code: 0 without a finding, 1 with one, 2 for a wrong option.
`;
}

/** @param names of all targets */
export function parseOptions(argv: readonly string[], names: readonly string[]): FuzzOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        target: { type: 'string', multiple: true, default: [...names] },
        seconds: { type: 'string' },
        runs: { type: 'string' },
        seed: { type: 'string' },
        input: { type: 'string' },
        keep: { type: 'boolean', default: false },
        samples: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { kind: 'fault', message: (error as Error).message };
  }
  if (values.help) return { kind: 'help' };
  if (values.samples) return { kind: 'samples' };
  const unknown = values.target.filter((target) => !names.includes(target));
  if (unknown.length > 0)
    return { kind: 'fault', message: `--target ${unknown.join(', ')} is not one of ${names.join(', ')}` };
  const runs = values.runs === undefined ? Infinity : Number(values.runs);
  const seconds = values.seconds === undefined ? (runs === Infinity ? 60 : Infinity) : Number(values.seconds);
  const seed = values.seed === undefined ? randomInt(MAX_SEED) : Number(values.seed);
  if (!(runs > 0) || !(seconds > 0)) return { kind: 'fault', message: '--seconds and --runs take numbers above 0' };
  if (!Number.isSafeInteger(seed)) return { kind: 'fault', message: '--seed takes a whole number' };
  const { input = null } = values;
  if (input !== null && values.target.length !== 1)
    return { kind: 'fault', message: '--input needs one --target: a file means something else to each target' };
  return { kind: 'run', targets: values.target, seconds, runs, seed, keeps: values.keep, input };
}
