/** What a run leaves out: each fault and each record of a seed has a number, and keeps it whatever else is left out. */

/** From the first number to the last one, both included. */
type Range = readonly [first: number, last: number];

export interface LeftOut {
  readonly faults: readonly Range[];
  readonly records: readonly Range[];
}

export const NOTHING: LeftOut = { faults: [], records: [] };

const PART = /^(faults|records) +(\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*)$/;

/** Reads 'faults 3,7; records 10-40'. @returns null if the text has another form */
export function parseLeftOut(text: string): LeftOut | null {
  const leftOut: { faults: Range[]; records: Range[] } = { faults: [], records: [] };
  for (const part of text.split(';')) {
    const [, kind, list] = PART.exec(part.trim()) ?? [];
    if (kind === undefined || list === undefined) return null;
    const ranges = list.split(',').map(rangeOf);
    if (ranges.some(([first, last]) => first > last)) return null;
    leftOut[kind as keyof LeftOut].push(...ranges);
  }
  return leftOut;
}

/** @returns what `parseLeftOut` reads; an empty text if nothing is left out */
export function formatLeftOut({ faults, records }: LeftOut): string {
  const part = (name: string, ranges: readonly Range[]) =>
    ranges.length > 0 ? [`${name} ${formatRanges(ranges)}`] : [];
  return [...part('faults', faults), ...part('records', records)].join('; ');
}

export function formatRanges(ranges: readonly Range[]): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** @param numbers in ascending order */
export function rangesOf(numbers: readonly number[]): Range[] {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

export function includes(ranges: readonly Range[], number: number): boolean {
  return ranges.some(([first, last]) => first <= number && number <= last);
}

function rangeOf(text: string): Range {
  const [first = '', last = first] = text.split('-');
  return [Number(first), Number(last)];
}
