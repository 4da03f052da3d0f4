/** Judges whether figures of a long run stay flat: the trend after the warm-up, against a bound for each figure. */
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
const KIB = 1024;

export const FIGURES = [
  'resident memory',
  'heap after a collection',
  'descriptors',
  'threads',
  'STATE_DIR',
  'changelog',
  'own log',
] as const;
export type Figure = (typeof FIGURES)[number];

/** What is measured at one time. A figure is null if it is not known then. */
export interface Sample {
  /** Milliseconds since the start of the load. */
  readonly atMs: number;
  /** Records written, and orders given to instances, until then. */
  readonly records: number;
  readonly orders: number;
  readonly figures: Readonly<Record<Figure, number | null>>;
}

interface Bound {
  /** The growth that is allowed in any run: noise, garbage that was not collected yet, buffers. */
  readonly fixed: number;
  /** What one more record of the input may leave behind. */
  readonly perRecord: number;
  /** What one start, stop or kill of another instance may leave behind. */
  readonly perOrder: number;
}

/**
 * The growth that is allowed between the end of the warm-up and the end of the run.
 *
 * A company that was announced keeps one row for ever, and each store may fill its write buffers and its block cache. So
 * the figures of the disk, and the resident memory, may grow with the records.
 */
export const BOUNDS: Readonly<Record<Figure, Bound>> = {
  'resident memory': { fixed: 32 * MIB, perRecord: 300, perOrder: 0 },
  'heap after a collection': { fixed: 8 * MIB, perRecord: 50, perOrder: 0 },
  descriptors: { fixed: 8, perRecord: 0, perOrder: 0 },
  threads: { fixed: 2, perRecord: 0, perOrder: 0 },
  STATE_DIR: { fixed: 16 * MIB, perRecord: 200, perOrder: 0 },
  changelog: { fixed: 4 * MIB, perRecord: 400, perOrder: 0 },
  'own log': { fixed: 64 * KIB, perRecord: 0, perOrder: 96 * KIB },
};

export interface Verdict {
  readonly figure: Figure;
  /** The typical value after the warm-up. */
  readonly typical: number;
  readonly growthPerHour: number;
  /** The growth after the warm-up, by the trend. */
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

const LEAST_SAMPLES = 10;

/**
 * @param warmUpMs samples before this are left out
 * @throws Error if a figure has too few samples: such a run proves nothing
 */
export function judge(samples: readonly Sample[], warmUpMs: number): Verdict[] {
  const warm = samples.filter(({ atMs }) => atMs >= warmUpMs);
  const [first, last] = [warm[0], warm.at(-1)];
  if (first === undefined || last === undefined) throw new Error('the run has no sample after its warm-up');
  const spanMs = last.atMs - first.atMs;
  const [records, orders] = [last.records - first.records, last.orders - first.orders];
  return FIGURES.map((figure) => {
    const points = warm.flatMap(({ atMs, figures }) => {
      const value = figures[figure];
      return value === null ? [] : [{ x: atMs, y: value }];
    });
    if (points.length < LEAST_SAMPLES)
      throw new Error(`${figure}: ${points.length} samples after the warm-up, at least ${LEAST_SAMPLES} are needed`);
    const slope = trendOf(points);
    const { fixed, perRecord, perOrder } = BOUNDS[figure];
    const allowed = fixed + perRecord * records + perOrder * orders;
    const growth = slope * spanMs;
    const typical = median(points.map(({ y }) => y));
    return { figure, typical, growthPerHour: slope * HOUR_MS, growth, allowed, isFlat: growth <= allowed };
  });
}

/** The median of the slopes between all pairs of points (Theil-Sen): single peaks do not move it. */
export function trendOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const slopes: number[] = [];
  for (const [i, from] of points.entries())
    for (const to of points.slice(i + 1)) if (to.x !== from.x) slopes.push((to.y - from.y) / (to.x - from.x));
  return median(slopes);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
