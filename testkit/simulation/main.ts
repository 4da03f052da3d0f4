/**
 * Searches for faults: `npm run simulate -- --seeds 100 --from 1` with whole instances, or with `--pipeline` the
 * pipeline under its ports. Each seed is one run, and always the same run. Exits with 1 at the first failing seed,
 * unless `--keep-going`.
 */
import { NOTHING } from './left-out.js';
import { optionsOf } from './options.js';
import { outcomesOf } from './run-search.js';
import { argumentsOf, type Outcome } from './search.js';
import { printShrunk, sizesAfter } from './shrink.js';

const PROGRESS_MS = 5_000;
const SLOWEST_SHOWN = 3;

const { from, seeds, workers, isKeptGoing, isShrunk, ...search } = optionsOf(process.argv.slice(2));
const startedAt = performance.now();
const total = { runs: 0, failed: 0, steps: 0, records: 0, announced: 0 };
/** Of each worker. */
const cpuMs: number[] = [];
let slowest: { readonly seed: number; readonly ms: number }[] = [];
let reportedAt = startedAt;
let firstFailed: Outcome | null = null;
for await (const outcome of outcomesOf(search, from, from + seeds, workers)) {
  const { seed, ms, anomalies, trace } = outcome;
  total.runs++;
  total.steps += outcome.steps;
  total.records += outcome.records;
  total.announced += outcome.announced;
  cpuMs[(seed - from) % workers] = outcome.cpuMs;
  slowest.push({ seed, ms });
  slowest = slowest.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_SHOWN);
  for (const line of trace ?? []) console.log(line);
  if (search.leftOut !== NOTHING) console.log(`the run had ${sizesAfter(search.leftOut, outcome.plan)}`);
  if (anomalies.length > 0) {
    total.failed++;
    console.log(`seed ${seed} FAILED after ${total.runs} seeds:\n${anomalies.join('\n')}`);
    console.log(`replay it: npm run simulate -- ${argumentsOf(search, seed)} --trace`);
    firstFailed ??= outcome;
    if (!isShrunk) console.log(`shrink it: npm run simulate -- ${argumentsOf(search, seed)} --shrink`);
    if (!isKeptGoing) break;
  }
  if (performance.now() - reportedAt > PROGRESS_MS) {
    reportedAt = performance.now();
    report();
  }
}
report();
// Now no worker runs other seeds.
if (isShrunk && firstFailed !== null) await printShrunk(search, firstFailed);
process.exitCode = total.failed === 0 ? 0 : 1;

function report(): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuSeconds = cpuMs.reduce((sum, ms) => sum + ms, 0) / 1_000;
  const { runs, failed, steps, records, announced } = total;
  console.log(
    `${runs} seeds in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU, ${workers} workers), ` +
      `${Math.round((runs / seconds) * 60)} a minute, ${failed} failed; ` +
      `${steps} steps, ${records} records, ${announced} announcements; ` +
      `slowest: ${slowest.map(({ seed, ms }) => `seed ${seed} ${ms} ms`).join(', ')}`,
  );
}
