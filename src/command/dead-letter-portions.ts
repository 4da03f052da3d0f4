/**
 * Divides all dead letters into portions. Their values are read one portion at a time, because a hostile producer may
 * have sent more values than fit into memory.
 */
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import type { RecordId } from './repair-attempts.js';

/** A portion has at most this many bytes, plus the last group of dead letters. */
const PORTION_BYTES = 32 * 1024 * 1024;
/** This also limits the data of the input that is kept for the companies of a portion. */
const PORTION_DEAD_LETTERS = 1_000;

/**
 * Divides the dead letters, in the order in which they came, into portions. One repair replaces a dead letter and its
 * failed repairs, so they are in one portion.
 *
 * @param sizes bytes of each dead letter
 */
export function portionsOf(
  { deadLetters, attempts }: ReadDeadLetters,
  sizes: ReadonlyMap<RecordId, number>,
  { bytes, count } = { bytes: PORTION_BYTES, count: PORTION_DEAD_LETTERS },
): ReadonlySet<RecordId>[] {
  const places = new Map(deadLetters.map((deadLetter, place) => [idOf(deadLetter), place]));
  const firstPlace = (deadLetter: DeadLetter) =>
    [...attempts.recordsThatOneRepairReplaces(idOf(deadLetter))].reduce(
      (least, id) => Math.min(least, places.get(id) ?? Infinity),
      Infinity,
    );
  const inOrder = deadLetters
    .map((deadLetter) => ({ id: idOf(deadLetter), first: firstPlace(deadLetter) }))
    .sort((a, b) => a.first - b.first);

  const portions: Set<RecordId>[] = [];
  let portionBytes = Infinity;
  let latest = -1;
  for (const { id, first } of inOrder) {
    const isFull = portionBytes >= bytes || (portions.at(-1)?.size ?? 0) >= count;
    if (isFull && first !== latest) {
      portions.push(new Set());
      portionBytes = 0;
    }
    portions.at(-1)?.add(id);
    portionBytes += sizes.get(id) ?? 0;
    latest = first;
  }
  return portions;
}
