/**
 * Shrinks a seed that failed: leaves out as many of its faults and records as possible, as long as the run still fails in
 * the same way. What is left out changes the order of later events too, so the smallest case may be missed.
 */
import { ddmin } from './ddmin.js';
import { formatRanges, rangesOf, includes, type LeftOut } from './left-out.js';
import type { Plan } from './pipeline/run-seed.js';
import { argumentsOf, outcomeOf, type Outcome, type Search } from './search.js';

export const MAX_TRIES = 400;
export const MAX_SHRINKING_MS = 180_000;
const PROGRESS_MS = 5_000;

/** Numbers, in ascending order. */
interface Kept {
  readonly faults: readonly number[];
  readonly records: readonly number[];
}

export interface Shrunk {
  readonly kept: Kept;
  readonly leftOut: LeftOut;
  readonly anomalies: readonly string[];
  readonly tries: number;
  /** If it ended because it had tried enough; a smaller case may exist. */
  readonly isCut: boolean;
}

export async function printShrunk(search: Search, failed: Outcome): Promise<void> {
  const { plan, seed } = failed;
  const startedAt = performance.now();
  console.log(`shrinking seed ${seed}: at most ${MAX_TRIES} runs and ${MAX_SHRINKING_MS / 1_000} s`);
  const { kept, leftOut, anomalies, tries, isCut } = await shrink(search, failed, MAX_TRIES, report(startedAt, plan));
  const took = `${tries} runs, ${secondsSince(startedAt)} s${isCut ? ', stopped at the limit' : ''}`;
  console.log(`seed ${seed} SHRUNK to ${sizes(kept, plan)} (${took}):`);
  for (const { number, kind, atMs } of plan.faults)
    if (kept.faults.includes(number)) console.log(`    fault ${number} at ${atMs} ms: ${kind}`);
  if (kept.records.length > 0) console.log(`    records ${formatRanges(rangesOf(kept.records))}`);
  console.log(anomalies.join('\n'));
  console.log(`replay it: npm run simulate -- ${argumentsOf({ ...search, leftOut }, seed)} --trace`);
}

/** How many faults and records a run has. */
export function sizesAfter(leftOut: LeftOut, plan: Plan): string {
  return sizes(keptOf(plan, leftOut), plan);
}

/** @param onTry called after each run, with the smallest case so far */
export async function shrink(
  search: Search,
  { seed, plan, anomalies: first }: Outcome,
  maxTries = MAX_TRIES,
  onTry: (kept: Kept, tries: number) => void = () => undefined,
): Promise<Shrunk> {
  const kind = kindOf(first[0] ?? '');
  const deadline = performance.now() + MAX_SHRINKING_MS;
  let kept = keptOf(plan, search.leftOut);
  let anomalies = first;
  let tries = 0;
  const isOver = () => tries >= maxTries || performance.now() >= deadline;
  const fails = async (smaller: Kept): Promise<boolean> => {
    if (isOver()) return false;
    tries++;
    const outcome = await outcomeOf({ ...search, isTraced: false, leftOut: leftOutOf(plan, smaller) }, seed);
    const stillFails = outcome.anomalies.some((anomaly) => kindOf(anomaly) === kind);
    if (stillFails) [kept, anomalies] = [smaller, outcome.anomalies];
    onTry(kept, tries);
    return stillFails;
  };
  for (let before = 0; before !== sizeOf(kept) && !isOver();) {
    before = sizeOf(kept);
    await ddmin(kept.faults, (faults) => fails({ ...kept, faults }));
    await ddmin(kept.records, (records) => fails({ ...kept, records }));
  }
  return { kept, leftOut: leftOutOf(plan, kept), anomalies, tries, isCut: isOver() };
}

/** Anomalies of one kind begin with the same words. Names of instances, and numbers, do not count. */
export function kindOf(anomaly: string): string {
  const [line = ''] = anomaly.replace(/^instance-\S+( partition \d+:)? /, '').split('\n', 1);
  const [kind = ''] = line.split(':', 1);
  return kind.replace(/\d+/g, '#');
}

function keptOf({ faults, history }: Plan, leftOut: LeftOut): Kept {
  const numbers = Array.from({ length: history }, (_, i) => i + 1);
  return {
    faults: faults.map(({ number }) => number).filter((number) => !includes(leftOut.faults, number)),
    records: numbers.filter((number) => !includes(leftOut.records, number)),
  };
}

function leftOutOf(plan: Plan, kept: Kept): LeftOut {
  const { faults, records } = keptOf(plan, { faults: [], records: [] });
  const [keptFaults, keptRecords] = [new Set(kept.faults), new Set(kept.records)];
  return {
    faults: rangesOf(faults.filter((number) => !keptFaults.has(number))),
    records: rangesOf(records.filter((number) => !keptRecords.has(number))),
  };
}

function sizeOf({ faults, records }: Kept): number {
  return faults.length + records.length;
}

function sizes({ faults, records }: Kept, plan: Plan): string {
  return `${faults.length} of ${plan.faults.length} faults and ${records.length} of ${plan.history} records`;
}

function report(startedAt: number, plan: Plan): (kept: Kept, tries: number) => void {
  let reportedAt = startedAt;
  return (kept, tries) => {
    if (performance.now() - reportedAt < PROGRESS_MS) return;
    reportedAt = performance.now();
    console.log(`shrinking: ${tries} runs, ${secondsSince(startedAt)} s, ${sizes(kept, plan)} left`);
  };
}

function secondsSince(startedAt: number): string {
  return ((performance.now() - startedAt) / 1_000).toFixed(1);
}
