/**
 * Which blocks of `src` were executed, from V8's own counters. Asking for them takes about a millisecond, so the fuzzer
 * asks for many inputs together.
 */
import { Session, type Profiler } from 'node:inspector';

const UNDER_TEST = '/src/';

export class Coverage {
  readonly #session = new Session();
  /** `<script>:<start>:<end>` of each block that was executed so far. */
  readonly #seen = new Set<string>();
  /** Those of them that the last call of `takeNew` has added. */
  #last: string[] = [];

  /** Call it before the code under test is loaded: V8 counts only functions that are compiled afterwards. */
  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** The number of blocks that were executed so far. */
  get blocks(): number {
    return this.#seen.size;
  }

  /** The number of blocks that were executed since the last call, and never before. */
  takeNew(): number {
    let result: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      result = coverage.result;
    });
    this.#last = [];
    for (const { url, scriptId, functions } of result) {
      if (!url.includes(UNDER_TEST)) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) this.#add(`${scriptId}:${startOffset}:${endOffset}`);
    }
    return this.#last.length;
  }

  /** The next call of `takeNew` counts again what the last one has counted. */
  forgetLast(): void {
    for (const block of this.#last) this.#seen.delete(block);
  }

  #add(block: string): void {
    if (this.#seen.has(block)) return;
    this.#seen.add(block);
    this.#last.push(block);
  }

  close(): void {
    this.#session.disconnect();
  }
}
