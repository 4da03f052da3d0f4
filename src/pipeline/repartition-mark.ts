/**
 * What the group's offset of a partition is while `company-sync repartition` moves the state: not an offset of any log,
 * but a mark that stops the partition of an instance that starts meanwhile, and says how far the moving has come.
 */
export interface RepartitionMark {
  /** How many partitions the input had. */
  readonly from: number;
  /** How many it is to have. */
  readonly to: number;
  /** What this partition held for others is with them. */
  readonly moved: boolean;
}

/** Above every offset that a log could have, and exact as a number. */
const MARKS_FROM = 2 ** 52;
/** More partitions than a topic of `topics create` can have. */
const COUNTS = 2 ** 14;

export function encodeRepartitionMark({ from, to, moved }: RepartitionMark): number {
  return MARKS_FROM + (from * COUNTS + to) * 2 + (moved ? 1 : 0);
}

/** Null for what is an offset, or none. */
export function decodeRepartitionMark(committed: number | null): RepartitionMark | null {
  if (committed === null || committed < MARKS_FROM) return null;
  const counts = Math.floor((committed - MARKS_FROM) / 2);
  return { from: Math.floor(counts / COUNTS), to: counts % COUNTS, moved: committed % 2 === 1 };
}
