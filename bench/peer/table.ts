/** Prints figures of both sides, and their ratios with the spread over the rounds. */
import { median, mebibytes, thousands } from '../lib/figures.js';

/** What one measurement found. A figure that it does not measure is absent. */
export interface Figures {
  readonly recordsPerSecond?: number;
  /** CPU time of the process for each record, in microseconds. */
  readonly cpuUs?: number;
  readonly brokerCpuUs?: number;
  /** Bytes of keys and values in the changelog for each record of the input. */
  readonly changelogBytes?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly transactionsPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** From the end of the process to the first announcement of a company that was completed afterwards. */
  readonly outageMs?: number;
}

const LABELS: { readonly [name in keyof Figures]-?: [label: string, format: (value: number) => string] } = {
  recordsPerSecond: ['records/s', thousands],
  cpuUs: ['CPU, us a record', (value) => value.toFixed(1)],
  brokerCpuUs: ['CPU of the broker, us a record', (value) => value.toFixed(1)],
  changelogBytes: ['changelog, bytes a record', (value) => value.toFixed(0)],
  memory: ['resident memory', mebibytes],
  transactionsPerSecond: ['transactions/s', thousands],
  p50Ms: ['p50, ms', (value) => value.toFixed(1)],
  p99Ms: ['p99, ms', (value) => value.toFixed(1)],
  outageMs: ['longest wait, ms', thousands],
};

/** All rounds of one measurement, by contestant. The first contestant is ours. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

/** The figures of one round, in one line. */
export function describe(figures: Figures): string {
  const names = Object.keys(LABELS) as (keyof Figures)[];
  return names
    .flatMap((name) => (figures[name] === undefined ? [] : `${LABELS[name][0]} ${LABELS[name][1](figures[name])}`))
    .join('; ');
}

/** Prints the median of each contestant, and ours divided by the other's: the median, the lowest and the highest. */
export function printTable(what: string, rounds: Rounds): void {
  const [ours, ...others] = [...rounds];
  if (ours === undefined) return;
  for (const name of Object.keys(LABELS) as (keyof Figures)[]) {
    const own = figuresOf(ours[1], name);
    if (own.length === 0) continue;
    const [label, format] = LABELS[name];
    console.log(`${what}, ${label}: ${ours[0]} ${format(median(own))}`);
    for (const [other, figures] of others) {
      const theirs = figuresOf(figures, name);
      if (theirs.length === 0) continue;
      const ratios = own.slice(0, theirs.length).map((value, round) => value / (theirs[round] as number));
      const [low, middle, high] = [Math.min(...ratios), median(ratios), Math.max(...ratios)].map((r) => r.toFixed(2));
      console.log(`    ${other} ${format(median(theirs))}: ratio ${middle} (${low} to ${high})`);
    }
  }
}

function figuresOf(rounds: readonly Figures[], name: keyof Figures): number[] {
  return rounds.flatMap((figures) => figures[name] ?? []);
}
