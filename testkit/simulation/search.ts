/** What a search runs: one seed after the other, in one of the two simulations. */
import { runSeed as runInstances } from './instances/run-seed.js';
import { formatLeftOut, type LeftOut } from './left-out.js';
import { runSeed as runPipeline, type Plan } from './pipeline/run-seed.js';

export interface Search {
  readonly isPipeline: boolean;
  /** The kinds of faults; null if each run draws its kinds. */
  readonly faults: readonly string[] | null;
  readonly isTraced: boolean;
  readonly leftOut: LeftOut;
}

/** The seeds `from`, `from + step`, ... before `end`. */
export interface Seeds {
  readonly from: number;
  readonly end: number;
  readonly step: number;
}

export interface Outcome {
  readonly seed: number;
  readonly ms: number;
  /** Of the process that ran it, since its start. */
  readonly cpuMs: number;
  readonly anomalies: readonly string[];
  readonly plan: Plan;
  readonly trace: readonly string[] | null;
  readonly steps: number;
  readonly records: number;
  readonly announced: number;
}

export async function outcomeOf({ isPipeline, faults, isTraced, leftOut }: Search, seed: number): Promise<Outcome> {
  const beganAt = performance.now();
  const { anomalies, plan, trace, steps, records, announced } = await (isPipeline
    ? runPipeline(seed, { isTraced, leftOut })
    : runInstances(seed, { isTraced, faults, leftOut }));
  const { user, system } = process.cpuUsage();
  const ms = Math.round(performance.now() - beganAt);
  return { seed, ms, cpuMs: (user + system) / 1_000, anomalies, plan, trace, steps, records, announced };
}

/** The arguments that run one seed again. */
export function argumentsOf({ isPipeline, faults, leftOut }: Search, seed: number): string {
  const kinds = (faults ?? []).map((kind) => `--fault '${kind}'`);
  const without = formatLeftOut(leftOut);
  const parts = [`--seeds 1 --from ${seed}`, ...(without === '' ? [] : [`--without '${without}'`])];
  return [...(isPipeline ? ['--pipeline'] : []), ...kinds, ...parts].join(' ');
}
