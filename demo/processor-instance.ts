import { appendFileSync } from 'node:fs';
import { commandArguments } from '../testkit/command.js';
import { Processor } from '../testkit/processor.js';
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

/** One instance of the processor, which can be killed and started again on the same state. */
export class ProcessorInstance {
  readonly #options: InstanceOptions;
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => undefined;
  #running: Processor | null = null;

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
    const processor = new Processor({
      program: commandArguments('run'),
      env: { ...deployment.env, STATE_DIR: stateDir, HTTP_PORT: String(httpPort) },
      stateDir,
      onLine: (_, text) => appendFileSync(logFile, `${text}\n`),
    });
    this.#running = processor;
    void processor.exited.then(() => {
      if (this.#running !== processor) return;
      this.#running = null;
      this.#fail(new Error(`the processor ${name} ended by itself (${processor.endedWith}); its log is ${logFile}`));
    });
    return processor.pid;
  }

  /** Resolves once it reports that it is ready. */
  async ready(): Promise<void> {
    await this.#running?.ready(READY_TIMEOUT_MS);
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.kill();
  }

  /** Stops it cleanly; kill -9 if that takes longer than allowed. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    const timer = setTimeout(() => running?.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await running?.stop();
    clearTimeout(timer);
  }
}
