/** Searches for an input that breaks a promise of a target: changes known inputs, and keeps those that reach new code. */
import { SeededRandom } from '../seeded-random.js';
import type { Coverage } from './coverage.js';
import { execute, type Finding } from './execute.js';
import { mutate } from './mutate.js';
import { minimise } from './minimise.js';
import type { FuzzTarget, OpenTarget } from './target.js';
import type { Watchdog } from './watchdog.js';

/** Between two looks at the coverage: so many inputs, or so much time. A look takes 10 to 20 ms. */
const INPUTS_A_LOOK = 4_000;
const MS_A_LOOK = 400;
/** The most of the time that may be spent on finding out which inputs have reached new code. */
const NARROWING_SHARE = 0.4;
/** An input that was kept lately is changed more often. */
const RECENT = 30;

export interface FuzzOptions {
  readonly seed: number;
  readonly maxRuns: number;
  readonly maxMs: number;
  /** Without it, no input is kept. */
  readonly coverage?: Coverage;
  readonly watchdog?: Watchdog;
}

export interface FuzzResult {
  readonly runs: number;
  /** Inputs that reached code that no input before had reached, the corpus not included. */
  readonly found: readonly Buffer[];
  readonly failure: { readonly input: Buffer; readonly finding: Finding } | null;
}

/** Stops at the first finding, and makes its input smaller. */
export async function fuzz(
  target: FuzzTarget,
  opened: OpenTarget,
  corpus: readonly Buffer[],
  { seed, maxRuns, maxMs, coverage, watchdog }: FuzzOptions,
): Promise<FuzzResult> {
  const random = new SeededRandom(seed);
  const inputs: Buffer[] = corpus.length === 0 ? [Buffer.alloc(0)] : [...corpus];
  const found: Buffer[] = [];
  const run = (input: Buffer): Promise<Finding | null> =>
    watchdog === undefined
      ? execute(target, opened, input)
      : watchdog.during(input, () => execute(target, opened, input));
  const failureOf = async (input: Buffer, finding: Finding) => ({
    input: await minimise(input, async (smaller) => (await run(smaller))?.kind === finding.kind),
    finding,
  });

  let runs = 0;
  for (const input of corpus) {
    const finding = await run(input);
    runs++;
    if (finding !== null) return { runs, found, failure: await failureOf(input, finding) };
  }
  coverage?.takeNew();
  const startedAt = performance.now();
  const endsAt = startedAt + maxMs;
  let narrowedMs = 0;
  while (runs < maxRuns && performance.now() < endsAt) {
    const tried: Buffer[] = [];
    const looksAt = Math.min(endsAt, performance.now() + MS_A_LOOK);
    for (let left = Math.min(INPUTS_A_LOOK, maxRuns - runs); left > 0 && performance.now() < looksAt; left--) {
      const base = random.pick(random.chance(0.5) ? inputs : inputs.slice(-RECENT));
      const input = mutate(base, target.maxInputBytes, { random, tokens: target.tokens, other: random.pick(inputs) });
      const finding = await run(input);
      runs++;
      if (finding !== null) return { runs, found, failure: await failureOf(input, finding) };
      tried.push(input);
    }
    if (coverage === undefined || coverage.takeNew() === 0) continue;
    const beganAt = performance.now();
    if (narrowedMs > NARROWING_SHARE * (beganAt - startedAt)) {
      coverage.forgetLast(); // A later round reaches it again.
      continue;
    }
    const reaching = await thoseThatReach(tried, coverage, run);
    narrowedMs += performance.now() - beganAt;
    inputs.push(...reaching);
    found.push(...reaching);
  }
  return { runs, found, failure: null };
}

/**
 * Which inputs of a round reach what the round has reached for the first time. It looks at halves, because a look at the
 * coverage takes longer than many inputs.
 */
async function thoseThatReach(
  tried: readonly Buffer[],
  coverage: Coverage,
  run: (input: Buffer) => Promise<Finding | null>,
): Promise<Buffer[]> {
  if (tried.length <= 1) return [...tried];
  coverage.forgetLast();
  const middle = tried.length / 2;
  const reaching: Buffer[] = [];
  for (const half of [tried.slice(0, middle), tried.slice(middle)]) {
    for (const input of half) await run(input);
    if (coverage.takeNew() > 0) reaching.push(...(await thoseThatReach(half, coverage, run)));
  }
  return reaching;
}
