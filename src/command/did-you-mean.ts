/** Finds the word that was probably meant. */

/** The fewest letters of a typed word that may stand for a longer word which begins with them. */
const MIN_BEGINNING = 3;

/** Returns the candidate that is nearest to what was typed; null if none is near enough to be meant. */
export function nearest(typed: string, candidates: readonly string[]): string | null {
  const from = typed.toLowerCase().replaceAll('_', '-');
  const mostEdits = Math.max(1, Math.floor(from.length / 3));
  const isBegun = (candidate: string) => from.length >= MIN_BEGINNING && candidate.startsWith(from);
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(from, candidate) }))
    .filter(({ edits, candidate }) => isBegun(candidate) || (edits <= mostEdits && edits < candidate.length / 2))
    .sort((a, b) => a.edits - b.edits);
  return best?.candidate ?? null;
}

/** How many letters must be added, removed, replaced or exchanged with their neighbour. */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      const added = at(row, j - 1) + 1;
      const removed = at(last, j) + 1;
      const replaced = at(last, j - 1) + (same ? 0 : 1);
      const areExchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const exchanged = areExchanged ? at(beforeLast, j - 2) + 1 : Infinity;
      row.push(Math.min(added, removed, replaced, exchanged));
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
