/**
 * Divides all dead letters into portions. Their values are read one portion at a time, because a hostile producer may
 * have sent more values than fit into memory.
 */
import { idOf } from '../publish/dead-letter.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import type { RecordId } from './repair-attempts.js';

/** A portion ends after this many bytes, or after its last group of dead letters. */
const PORTION_BYTES = 32 * 1024 * 1024;
/**
 * A portion also ends after this many dead letters, or after its last group. This also limits the data of the input
 * that is kept for the companies of a portion.
 */
const PORTION_DEAD_LETTERS = 1_000;
/**
 * Records that are looked at to find the groups. Dead letters that name each other, in a chain, would keep the command busy
 * for hours. Above the limit, each dead letter counts as a group of its own.
 */
const MAX_LOOKED_AT = 2_000_000;
/** A group may make a portion this many times as large. Then the group is divided. */
const MOST_FOR_A_GROUP = 4;

/**
 * Divides the dead letters, in the order in which they came, into portions. A dead letter and its failed repairs are a
 * group: they are in one portion, because one repair replaces them all. Exceptions: a group that is too large is
 * divided, and so are all groups that come after MAX_LOOKED_AT records. Anyone may write dead letters that claim to be
 * failed repairs of other records.
 *
 * @param sizes bytes of each dead letter
 */
export function portionsOf(
  { deadLetters, attempts }: ReadDeadLetters,
  sizes: ReadonlyMap<RecordId, number>,
  { bytes = PORTION_BYTES, count = PORTION_DEAD_LETTERS, maxLookedAt = MAX_LOOKED_AT } = {},
): ReadonlySet<RecordId>[] {
  const places = new Map(deadLetters.map((deadLetter, place) => [idOf(deadLetter), place]));
  const before = attempts.lookedAt;
  const firstPlace = (id: RecordId, place: number): number => {
    if (attempts.lookedAt - before >= maxLookedAt) return place;
    const replaced = [...attempts.recordsThatOneRepairReplaces(id)];
    return replaced.reduce((least, other) => Math.min(least, places.get(other) ?? Infinity), Infinity);
  };
  const inOrder = deadLetters
    .map((deadLetter, place) => ({ id: idOf(deadLetter), first: firstPlace(idOf(deadLetter), place) }))
    .sort((a, b) => a.first - b.first);

  const portions: Set<RecordId>[] = [];
  let portionBytes = Infinity;
  let latest = -1;
  for (const { id, first } of inOrder) {
    const size = portions.at(-1)?.size ?? 0;
    const isFull = portionBytes >= bytes || size >= count;
    const isOverfull = portionBytes >= MOST_FOR_A_GROUP * bytes || size >= MOST_FOR_A_GROUP * count;
    if (isOverfull || (isFull && first !== latest)) {
      portions.push(new Set());
      portionBytes = 0;
    }
    portions.at(-1)?.add(id);
    portionBytes += sizes.get(id) ?? 0;
    latest = first;
  }
  return portions;
}
