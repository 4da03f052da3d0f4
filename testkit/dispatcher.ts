/** Runs the example dispatcher as a process of its own. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { spawnWithParent } from './cluster/end-with-parent.js';

export class DispatcherProcess {
  readonly #child: ChildProcess;
  /** The text that it has printed so far. */
  output = '';
  /** Resolves with the exit code; null if a signal has ended it. */
  readonly exited: Promise<number | null>;

  /** @param repository the folder of the repository @param env its whole environment, except PATH */
  constructor(repository: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const main = join('examples', 'webhook-dispatcher', 'main.ts');
    this.#child = spawnWithParent(process.execPath, ['--import', 'tsx', main, ...args], {
      cwd: repository,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', resolve);
    });
  }

  /** @returns the exit code */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
