/**
 * All dead letters in portions: their values are read one portion at a time, for a hostile producer may have sent more of
 * them than memory holds.
 */
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { ReadLetters } from './dead-letter-desk.js';
import type { RecordId } from './repair-attempts.js';

/** A portion may have this much and one group of letters more. */
const PORTION_BYTES = 32 * 1024 * 1024;
/** So that what is kept of the input for the companies of a portion is bounded too. */
const PORTION_LETTERS = 1_000;

/**
 * The letters in the order in which they came, cut into portions. A letter and the failed repairs of it are in one portion,
 * because one repair replaces them all.
 *
 * @param sizes bytes of each letter
 */
export function portionsOf(
  { letters, attempts }: ReadLetters,
  sizes: ReadonlyMap<RecordId, number>,
  { bytes, count } = { bytes: PORTION_BYTES, count: PORTION_LETTERS },
): ReadonlySet<RecordId>[] {
  const places = new Map(letters.map((letter, place) => [idOf(letter), place]));
  const firstPlace = (letter: DeadLetter) =>
    [...attempts.replacedWith(idOf(letter))].reduce(
      (least, id) => Math.min(least, places.get(id) ?? Infinity),
      Infinity,
    );
  const inOrder = letters
    .map((letter) => ({ id: idOf(letter), first: firstPlace(letter) }))
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
