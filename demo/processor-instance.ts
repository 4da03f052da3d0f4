import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { diesWithParent, endWithParent, kernelEndsChildren } from '../testkit/cluster/end-with-parent.js';
import { pollUntil } from '../testkit/cluster/poll-until.js';
import { commandArguments } from '../testkit/command.js';
import type { Deployment } from './deployment.js';

export interface InstanceOptions {
  readonly name: string;
  readonly deployment: Deployment;
  readonly stateDir: string;
  readonly logFile: string;
  readonly httpPort: number;
}

/** More than a start and a rebalance take on a busy machine. */
const READY_TIMEOUT_MS = 45_000;
/** The processor promises to end within 10 s of SIGTERM. */
const STOP_TIMEOUT_MS = 12_000;
const PROBE_TIMEOUT_MS = 1_000;

/** One instance of the processor: a process of its own that can be killed and started again on the same state. */
export class ProcessorInstance {
  readonly #options: InstanceOptions;
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => undefined;
  #running: { readonly child: ChildProcess; readonly exited: Promise<void> } | null = null;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined); // Reported to the code that waits for this instance.
  }

  get name(): string {
    return this.#options.name;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#options.httpPort}`;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** Rejects if the process ends although nobody has stopped it. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /** Starts the process and returns its id. */
  start(): number {
    const { name, deployment, stateDir, logFile, httpPort } = this.#options;
    const log = openSync(logFile, 'a');
    const [command, args] = diesWithParent(process.execPath, commandArguments('run'));
    const child = spawn(command, args, {
      env: { ...deployment.env, STATE_DIR: stateDir, HTTP_PORT: String(httpPort) },
      stdio: ['ignore', log, log],
      // Ctrl-C reaches only the demo, which then stops its processes in order.
      detached: kernelEndsChildren,
    });
    closeSync(log);
    endWithParent(child);
    const exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    }).then(() => {
      if (this.#running?.child !== child) return;
      this.#running = null;
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      this.#fail(new Error(`the processor ${name} ended by itself (${how}); its log is ${logFile}`));
    });
    this.#running = { child, exited };
    return child.pid ?? 0;
  }

  /** Resolves once it reports that it is ready. */
  async ready(): Promise<void> {
    const probe = async () => {
      const response = await fetch(`${this.address}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      return response.ok;
    };
    await pollUntil(probe, {
      what: `the processor ${this.name} is ready (log: ${this.#options.logFile})`,
      timeoutMs: READY_TIMEOUT_MS,
      abort: this.#failed,
    });
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it in order; kill -9 if that takes longer than allowed. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    running.child.kill(signal);
    await running.exited;
  }
}
