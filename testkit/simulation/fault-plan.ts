/**
 * The faults of a run, drawn before they begin. Each has its number, its time, and random values of its own. So a run that
 * leaves out some of them has the others as before.
 */
import { SeededRandom } from '../seeded-random.js';
import { includes, type LeftOut } from './left-out.js';
import type { SimulatedTime } from './time.js';

export interface PlannedFault {
  readonly number: number;
  readonly kind: string;
  /** Simulated time since the start of the run. */
  readonly atMs: number;
}

export interface FaultRates {
  readonly kinds: readonly string[];
  /** Between two faults. */
  readonly meanMs: number;
  /** How often a single request is lost. */
  readonly lossRate: number;
}

interface Run {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  trace(who: string, what: string): void;
}

/** The number of the fault that loses single requests, from the first fault to the last. */
const LOSSES = 0;

/**
 * Plans faults from now on.
 *
 * @param endMs since the start of the run: no fault begins later
 * @param occur lets a fault happen, with random values of its own
 * @returns all faults, also those that are left out; and how often single requests are lost
 */
export function planFaults(
  run: Run,
  { kinds, meanMs, lossRate }: FaultRates,
  endMs: number,
  leftOut: LeftOut,
  occur: (kind: string, random: SeededRandom) => void,
): { readonly planned: readonly PlannedFault[]; readonly lossRate: number } {
  const { time, random } = run;
  run.trace('faults', `every ${meanMs} ms: ${kinds.join(', ')}`);
  const fromMs = time.elapsed();
  const planned: PlannedFault[] = lossRate > 0 ? [{ number: LOSSES, kind: 'single requests lost', atMs: fromMs }] : [];
  const next = (atMs: number): number => (kinds.length > 0 ? atMs + random.integer(0, 2 * meanMs) : endMs);
  let number = LOSSES;
  for (let atMs = next(fromMs); atMs < endMs; atMs = next(atMs)) {
    const kind = random.pick(kinds);
    const own = new SeededRandom(random.integer(0, 2 ** 32 - 1));
    const fault = { number: ++number, kind, atMs };
    planned.push(fault);
    if (includes(leftOut.faults, fault.number)) continue;
    time.after(atMs - fromMs, () => {
      run.trace('FAULT', `${fault.number}: ${kind}`);
      occur(kind, own);
    });
  }
  return { planned, lossRate: includes(leftOut.faults, LOSSES) ? 0 : lossRate };
}
