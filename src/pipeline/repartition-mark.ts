/**
 * A mark in place of a partition's group offset while `company-sync repartition` moves the state. It is not an offset
 * of any log. It blocks the partition on an instance that starts meanwhile, and records the progress of the move.
 */
export interface RepartitionMark {
  /** The former number of input partitions. */
  readonly from: number;
  /** The new number of input partitions. */
  readonly to: number;
  /** Whether the rows of this partition that belong to other partitions have been moved. */
  readonly moved: boolean;
}

/** Above every offset that a log could have, and exact as a number. */
const MARKS_FROM = 2 ** 52;
/** Above the number of partitions that `topics create` allows. */
const COUNTS = 2 ** 14;

export function encodeRepartitionMark({ from, to, moved }: RepartitionMark): number {
  return MARKS_FROM + (from * COUNTS + to) * 2 + (moved ? 1 : 0);
}

/** Null if `committed` is a real offset, or null. */
export function decodeRepartitionMark(committed: number | null): RepartitionMark | null {
  if (committed === null || committed < MARKS_FROM) return null;
  const counts = Math.floor((committed - MARKS_FROM) / 2);
  return { from: Math.floor(counts / COUNTS), to: counts % COUNTS, moved: committed % 2 === 1 };
}

/** What to do about a mark. A partition also waits for this while the command runs. */
export function finishRepartition({ from, to }: RepartitionMark): string {
  return (
    `let the repartitioning finish, which moves the state from ${from} to ${to} partitions: if the command does not run now, ` +
    'run `company-sync repartition` again'
  );
}
