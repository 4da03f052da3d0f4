const FIRST_WINDOW_OFFSETS = 1_000;
const NEXT_WINDOW_FACTOR = 10;

/**
 * The windows of a log from its end back to its start, each ten times as large as the one before. What is looked for is
 * usually near the end.
 */
export function* windowsBackwards({
  start,
  end,
}: {
  readonly start: number;
  readonly end: number;
}): Generator<{ readonly from: number; readonly to: number }, void> {
  let window = FIRST_WINDOW_OFFSETS;
  for (let to = end; to > start; window *= NEXT_WINDOW_FACTOR) {
    const from = Math.max(start, to - window);
    yield { from, to };
    to = from;
  }
}
