/**
 * Finds a small part of `items` that still fails, by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002). If `fails` was never in doubt, no single item of the result can be left out.
 *
 * @param items all together, they fail
 * @param fails is never asked about all items
 */
export async function ddmin<T>(
  items: readonly T[],
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (items.length === 0 || (await fails([]))) return [];
  let kept = items;
  for (let parts = 2; kept.length > 1;) {
    const smaller = await firstThatFails(split(kept, parts), parts, fails);
    if (smaller !== null) {
      parts = Math.max(2, smaller.isPart ? 2 : parts - 1);
      kept = smaller.kept;
    } else if (parts < kept.length) parts = Math.min(kept.length, 2 * parts);
    else break;
  }
  return kept;
}

/** Tries each part alone, then all parts but one. With two parts, the second is the same as the first. */
async function firstThatFails<T>(
  parts: readonly (readonly T[])[],
  count: number,
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<{ readonly kept: readonly T[]; readonly isPart: boolean } | null> {
  for (const kept of parts) if (await fails(kept)) return { kept, isPart: true };
  if (count === 2) return null;
  for (const left of parts) {
    const kept = parts.filter((part) => part !== left).flat();
    if (await fails(kept)) return { kept, isPart: false };
  }
  return null;
}

/** @param count of parts of about the same size; not more than items */
function split<T>(items: readonly T[], count: number): T[][] {
  const at = (part: number): number => Math.floor((part * items.length) / count);
  return Array.from({ length: count }, (_, part) => items.slice(at(part), at(part + 1)));
}
