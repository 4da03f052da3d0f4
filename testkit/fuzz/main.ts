/** Fuzzing: `npm run fuzz`. `--help` prints the options. */
import { readFileSync } from 'node:fs';
import { Coverage } from './coverage.js';
import { corpusOf, nameOf, remove, save } from './corpus.js';
import { execute } from './execute.js';
import { fuzz } from './fuzz.js';
import { HELP, parseOptions, type FuzzRun } from './options.js';
import type { FuzzTarget } from './target.js';
import { Watchdog } from './watchdog.js';

/** An input that takes longer than this ends the process. */
const HANGS_AFTER_MS = 20_000;
/** Inputs that `--keep` adds to the corpus have at most so many bytes, for one target and one run. */
const MAX_KEPT_BYTES = 8 * 1024;
const MAX_KEPT_INPUT_BYTES = 1024;

// Before the targets load the code under test.
const coverage = new Coverage();
const { TARGETS } = await import('./targets/all-targets.js');

const options = parseOptions(
  process.argv.slice(2),
  TARGETS.map(({ name }) => name),
);
switch (options.kind) {
  case 'help':
    process.stdout.write(HELP(TARGETS.map(({ name, input }) => ({ name, input }))));
    break;
  case 'fault':
    console.error(options.message);
    process.exitCode = 2;
    break;
  case 'samples':
    for (const target of TARGETS) await writeSamples(target);
    break;
  case 'run':
    process.exitCode = (await runAll(options)) ? 0 : 1;
}
coverage.close();

async function runAll(run: FuzzRun): Promise<boolean> {
  let isClean = true;
  for (const target of TARGETS.filter(({ name }) => run.targets.includes(name)))
    isClean = (run.input === null ? await search(target, run) : await replay(target, run.input)) && isClean;
  return isClean;
}

async function search(target: FuzzTarget, { seconds, runs: maxRuns, seed, keeps }: FuzzRun): Promise<boolean> {
  const corpus = corpusOf(target.name).map(({ bytes }) => bytes);
  const opened = await target.open();
  const hangs = `hangs-${Date.now()}`;
  const watchdog = new Watchdog(target.maxInputBytes, {
    limitMs: HANGS_AFTER_MS,
    file: save(target.name, hangs, Buffer.alloc(0)),
    message: `${target.name} FAILED: an input takes more than ${HANGS_AFTER_MS / 1_000} s\n${replayLine(target, hangs)}`,
  });
  const startedAt = performance.now();
  const { runs, found, failure } = await fuzz(target, opened, corpus, {
    seed,
    maxRuns,
    maxMs: seconds * 1_000,
    coverage,
    watchdog,
  });
  await watchdog.close();
  await opened.close?.();
  remove(target.name, hangs);
  const took = (performance.now() - startedAt) / 1_000;
  const rate = Math.round(runs / took);
  console.log(
    `${target.name}: ${runs} inputs in ${took.toFixed(0)} s (${rate}/s), seed ${seed}, ${found.length} found`,
  );
  if (keeps) keep(target, found);
  if (failure === null) return true;
  const name = nameOf('crash', failure.input);
  save(target.name, name, failure.input);
  console.log(`${target.name} FAILED: ${failure.finding.what}`);
  console.log(`the input has ${failure.input.length} bytes\n${replayLine(target, name)}`);
  return false;
}

function replayLine({ name }: FuzzTarget, file: string): string {
  return `replay it: npm run fuzz -- --target ${name} --input testkit/fuzz/corpus/${name}/${file}`;
}

async function replay(target: FuzzTarget, file: string): Promise<boolean> {
  const opened = await target.open();
  const finding = await execute(target, opened, readFileSync(file));
  await opened.close?.();
  console.log(finding === null ? `${target.name}: ${file} is handled` : `${target.name} FAILED: ${finding.what}`);
  return finding === null;
}

function keep(target: FuzzTarget, found: readonly Buffer[]): void {
  let bytes = 0;
  for (const input of found) {
    if (input.length > MAX_KEPT_INPUT_BYTES || (bytes += input.length) > MAX_KEPT_BYTES) continue;
    save(target.name, nameOf('found', input), input);
  }
}

async function writeSamples(target: FuzzTarget): Promise<void> {
  for (const [name, bytes] of await target.samples()) console.log(save(target.name, `sample-${name}`, bytes));
}
