/** Runs one input against a target, and judges error, time and memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FuzzTarget, OpenTarget } from './target.js';

export interface Finding {
  /** The same fault has the same kind, while an input is made smaller. */
  readonly kind: string;
  readonly what: string;
}

/** A busy machine may delay one attempt, so only the best one counts. */
const ATTEMPTS = 4;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** @returns null if the target keeps its promises */
export async function execute(target: FuzzTarget, { run }: OpenTarget, input: Buffer): Promise<Finding | null> {
  const first = await attempt(target, run, input);
  if (first.finding !== null) return first.finding;
  const mayAllocate = target.maxBytes.fixed + target.maxBytes.perByte * input.length;
  let { ms, bytes } = first;
  for (let left = ATTEMPTS - 1; left > 0 && (ms > target.maxMs || bytes > mayAllocate); left--) {
    collectGarbage();
    collectGarbage(); // The first one may still be freeing buffers while the input runs.
    const again = await attempt(target, run, input);
    ms = Math.min(ms, again.ms);
    bytes = Math.min(bytes, again.bytes);
  }
  if (ms > target.maxMs)
    return { kind: 'time', what: `it took ${ms.toFixed(0)} ms, at most ${target.maxMs} are allowed` };
  if (bytes > mayAllocate)
    return { kind: 'memory', what: `it allocated ${bytes} bytes, at most ${mayAllocate} are allowed` };
  return null;
}

interface Attempt {
  readonly finding: Finding | null;
  readonly ms: number;
  /** Allocated bytes; too few if a garbage collection came between. */
  readonly bytes: number;
}

async function attempt({ mayThrow }: FuzzTarget, run: OpenTarget['run'], input: Buffer): Promise<Attempt> {
  const copy = Buffer.from(input);
  const before = allocated();
  const startedAt = performance.now();
  let finding: Finding | null = null;
  try {
    const result = run(copy);
    if (result instanceof Promise) await result;
  } catch (error) {
    const { name = typeof error, stack = String(error) } = (error ?? {}) as Partial<Error>;
    if (!mayThrow.includes(name)) finding = { kind: `${name} ${placeOf(stack)}`, what: stack };
  }
  const ms = performance.now() - startedAt;
  if (finding === null && !copy.equals(input)) finding = { kind: 'input', what: 'it changed the bytes of its input' };
  return { finding, ms, bytes: allocated() - before };
}

function allocated(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The first line of the stack that is in the code under test. */
function placeOf(stack: string): string {
  const line = stack.split('\n').find((each) => each.includes('/src/')) ?? '';
  return line.trim().replace(/^.*\/src\//, 'src/');
}
