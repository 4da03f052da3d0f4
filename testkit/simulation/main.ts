/**
 * Searches for faults: `npm run simulate -- --seeds 100 --from 1` with whole instances, or with `--pipeline` the
 * pipeline under its ports. Each seed is one run, and always the same run. Exits with 1 at the first failing seed,
 * unless `--keep-going`.
 */
import { parseArgs } from 'node:util';
import { KINDS } from './instances/faults.js';
import { runSeed as runInstances } from './instances/run-seed.js';
import { runSeed as runPipeline } from './pipeline/run-seed.js';

const { values } = parseArgs({
  options: {
    pipeline: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    fault: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const PROGRESS_MS = 5_000;
const SLOWEST_SHOWN = 3;

const from = Number(values.from);
const count = Number(values.seeds);
const { fault = null } = values;
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1)
  refuse(`--from and --seeds must be whole numbers: they are '${values.from}' and '${values.seeds}'`);
if (fault !== null && (values.pipeline || KINDS[fault] === undefined))
  refuse(`--fault must be one of these, without --pipeline: ${Object.keys(KINDS).join(', ')}`);

const startedAt = performance.now();
const total = { runs: 0, failed: 0, steps: 0, records: 0, announced: 0 };
let slowest: { readonly seed: number; readonly ms: number }[] = [];
let reportedAt = startedAt;
for (let seed = from; seed < from + count; seed++) {
  const beganAt = performance.now();
  const { anomalies, trace, ...figures } = await (values.pipeline
    ? runPipeline(seed, { isTraced: values.trace })
    : runInstances(seed, { isTraced: values.trace, fault }));
  total.runs++;
  total.steps += figures.steps;
  total.records += figures.records;
  total.announced += figures.announced;
  slowest.push({ seed, ms: Math.round(performance.now() - beganAt) });
  slowest = slowest.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_SHOWN);
  for (const line of trace ?? []) console.log(line);
  if (anomalies.length > 0) {
    total.failed++;
    const kind = [values.pipeline ? ['--pipeline'] : [], fault === null ? [] : ['--fault', `'${fault}'`]].flat();
    console.log(`seed ${seed} FAILED after ${total.runs} seeds:\n${anomalies.join('\n')}`);
    console.log(`replay it: npm run simulate -- ${[...kind, '--seeds', 1, '--from', seed, '--trace'].join(' ')}`);
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
      `${steps} steps, ${records} records, ${announced} announcements; ` +
      `slowest: ${slowest.map(({ seed, ms }) => `seed ${seed} ${ms} ms`).join(', ')}`,
  );
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
