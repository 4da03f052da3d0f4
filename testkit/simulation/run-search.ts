/** Runs the seeds of a search on several cores. The outcomes come in the order of the seeds. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { outcomeOf, type Outcome, type Search, type Seeds } from './search.js';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
const LOADER = new URL('plain-typescript.mjs', import.meta.url).href;
/**
 * Most objects of a run die young: with more room for them, fewer are copied. Errors are part of each run, and their stack
 * traces cost more than they: a replay has them.
 */
const EXEC_ARGV = ['--max-semi-space-size=64', '--stack-trace-limit=0', '--import', LOADER];

/** @param workers processes. This process runs a single seed, and seeds with a trace: it knows the lines of the source */
export async function* outcomesOf(
  search: Search,
  from: number,
  end: number,
  workers: number,
): AsyncGenerator<Outcome, void> {
  if (search.isTraced || end - from === 1) {
    for (let seed = from; seed < end; seed++) yield await outcomeOf(search, seed);
    return;
  }
  const shares = Array.from({ length: workers }, (_, i) => new Share(search, { from: from + i, end, step: workers }));
  try {
    for (let seed = from; seed < end; seed++) yield await (shares[(seed - from) % workers] as Share).next();
  } finally {
    for (const share of shares) share.stop();
  }
}

/** The seeds of one worker. What it sends is small, and waits here for the slower workers. */
class Share {
  readonly #child: ChildProcess;
  readonly #outcomes: Outcome[] = [];
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(search: Search, seeds: Seeds) {
    this.#child = fork(WORKER, [JSON.stringify([search, seeds])], { execArgv: EXEC_ARGV });
    this.#child.on('message', (outcome) => {
      this.#outcomes.push(outcome as Outcome);
      this.#wake();
    });
    // 'close' comes after the last message.
    this.#child.on('close', () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  async next(): Promise<Outcome> {
    for (;;) {
      const outcome = this.#outcomes.shift();
      if (outcome !== undefined) return outcome;
      if (this.#hasEnded) throw new Error(`a worker ended with ${this.#child.exitCode} before its last seed`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
