/** Makes an input smaller while it still shows the same fault. */

/** @param fails whether a smaller input still shows it */
export async function minimise(
  input: Buffer,
  fails: (smaller: Buffer) => Promise<boolean>,
  maxTries = 4_000,
): Promise<Buffer> {
  let best = input;
  let tries = 0;
  const keepIf = async (candidate: Buffer): Promise<boolean> => {
    if (++tries > maxTries || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let piece = 2 ** Math.floor(Math.log2(Math.max(1, best.length))); piece >= 1; piece = Math.floor(piece / 2))
    for (let at = 0; at < best.length && tries <= maxTries;)
      if (!(await keepIf(Buffer.concat([best.subarray(0, at), best.subarray(at + piece)])))) at += piece;
  for (let at = 0; at < best.length && tries <= maxTries; at++) {
    if (best[at] === 0) continue;
    const zeroed = Buffer.from(best);
    zeroed[at] = 0;
    await keepIf(zeroed);
  }
  return best;
}
