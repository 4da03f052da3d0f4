/** Checks that run one after the other, each counted. */
import { say } from './say.js';

export class Checks {
  #passed = 0;
  #failed = 0;

  /** Runs and counts one check, and prints its name and duration. Resolves to whether it passed. Never rejects. */
  async run(name: string, check: () => Promise<void>): Promise<boolean> {
    const begun = Date.now();
    try {
      await check();
      this.#passed++;
      say(`ok      ${name} (${seconds(begun)})`);
      return true;
    } catch (error) {
      this.#failed++;
      say(`FAILED  ${name} (${seconds(begun)})\n${explain(error)}`);
      return false;
    }
  }

  /** Adds counts of another runner. */
  add(passed: number, failed: number): void {
    this.#passed += passed;
    this.#failed += failed;
  }

  get failed(): number {
    return this.#failed;
  }

  get summary(): string {
    return `${this.#passed} passed, ${this.#failed} failed`;
  }
}

function seconds(begun: number): string {
  return `${((Date.now() - begun) / 1_000).toFixed(1)} s`;
}

/** An error with its causes. */
function explain(error: unknown): string {
  const messages: string[] = [];
  let at = error;
  for (; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages.join('\n  because ');
}
