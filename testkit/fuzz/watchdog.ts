/**
 * Ends the process if one input never returns: a synchronous loop cannot be ended from within. The input is written to a
 * file first.
 */
import { Worker } from 'node:worker_threads';

const CODE = `
const { workerData: { memory, limitMs, file, message } } = require('node:worker_threads');
const { writeFileSync, writeSync } = require('node:fs');
const state = new Int32Array(memory, 0, 2);
let [seen, since] = [-1, Date.now()];
setInterval(() => {
  const turn = Atomics.load(state, 0);
  if (turn !== seen) [seen, since] = [turn, Date.now()];
  else if (turn % 2 === 1 && Date.now() - since > limitMs) {
    writeFileSync(file, new Uint8Array(memory, 8, Atomics.load(state, 1)).slice());
    writeSync(2, message + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);
`;

export class Watchdog {
  readonly #memory: SharedArrayBuffer;
  readonly #state: Int32Array;
  readonly #worker: Worker;

  constructor(
    maxInputBytes: number,
    options: { readonly limitMs: number; readonly file: string; readonly message: string },
  ) {
    this.#memory = new SharedArrayBuffer(8 + maxInputBytes);
    this.#state = new Int32Array(this.#memory, 0, 2);
    this.#worker = new Worker(CODE, { eval: true, workerData: { memory: this.#memory, ...options }, execArgv: [] });
    this.#worker.unref();
  }

  /** Watches one input. */
  async during<T>(input: Buffer, run: () => Promise<T>): Promise<T> {
    new Uint8Array(this.#memory, 8).set(input);
    Atomics.store(this.#state, 1, input.length);
    Atomics.add(this.#state, 0, 1);
    try {
      return await run();
    } finally {
      Atomics.add(this.#state, 0, 1);
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
