/** The figures of a soak run as text. */
import type { Figure, Sample, Verdict } from './flatness.js';

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;
const COUNTS: readonly Figure[] = ['descriptors', 'threads'];

export function figuresLine({ atMs, records, orders, figures }: Sample): string {
  const all = Object.entries(figures).map(([name, value]) => `${name} ${inUnits(name as Figure, value)}`);
  return [`${(atMs / MINUTE_MS).toFixed(0)} min: ${records} records, ${orders} orders`, ...all].join(', ');
}

export function verdictLines(verdicts: readonly Verdict[]): string[] {
  const lines = verdicts.map(({ figure, typical, growth, growthPerHour, allowed, isFlat }) =>
    [
      `${isFlat ? 'flat ' : 'GROWS'} ${figure}: ${inUnits(figure, typical)}`,
      `grew by ${inUnits(figure, growth)} (${inUnits(figure, growthPerHour)} an hour)`,
      `allowed ${inUnits(figure, allowed)}`,
    ].join(', '),
  );
  const growing = verdicts.filter(({ isFlat }) => !isFlat).map(({ figure }) => figure);
  return [...lines, growing.length === 0 ? 'verdict: flat' : `verdict: not flat: ${growing.join(', ')}`];
}

function inUnits(figure: Figure, value: number | null): string {
  if (value === null) return 'unknown';
  return COUNTS.includes(figure) ? value.toFixed(1) : `${(value / MIB).toFixed(2)} MiB`;
}
