/**
 * Searches for faults: `npm run simulate -- --pipeline --seeds 1000 --from 1`. Each seed is one run, and always the same
 * run. Exits with 1 at the first failing seed, unless `--keep-going`.
 */
import { parseArgs } from 'node:util';
import { runSeed } from './pipeline/run-seed.js';

const { values } = parseArgs({
  options: {
    pipeline: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const PROGRESS_MS = 5_000;

if (!values.pipeline) {
  console.error('say what to simulate: npm run simulate -- --pipeline --seeds 1000 --from 1');
  process.exit(2);
}
const from = Number(values.from);
const count = Number(values.seeds);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  console.error(`--from and --seeds must be whole numbers: they are '${values.from}' and '${values.seeds}'`);
  process.exit(2);
}

const startedAt = performance.now();
const total = { runs: 0, failed: 0, steps: 0, records: 0, announced: 0 };
let reportedAt = startedAt;
for (let seed = from; seed < from + count; seed++) {
  const { anomalies, trace, ...figures } = await runSeed(seed, { isTraced: values.trace });
  total.runs++;
  total.steps += figures.steps;
  total.records += figures.records;
  total.announced += figures.announced;
  for (const line of trace ?? []) console.log(line);
  if (anomalies.length > 0) {
    total.failed++;
    console.log(`seed ${seed} FAILED after ${total.runs} seeds:\n${anomalies.join('\n')}`);
    console.log(`replay it: npm run simulate -- --pipeline --seeds 1 --from ${seed} --trace`);
    if (!values['keep-going']) break;
  }
  if (performance.now() - reportedAt > PROGRESS_MS) {
    reportedAt = performance.now();
    report();
  }
}
report();
process.exitCode = total.failed === 0 ? 0 : 1;

function report(): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage();
  const { runs, failed, steps, records, announced } = total;
  console.log(
    `${runs} seeds in ${seconds.toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of CPU), ` +
      `${Math.round((runs / seconds) * 60)} a minute, ${failed} failed; ` +
      `${steps} steps, ${records} records, ${announced} announcements`,
  );
}
