/**
 * Runs instances of the processor as processes of their own, which can be stopped, killed, frozen and started again.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeWithParent, spawnWithParent } from './cluster/end-with-parent.js';
import { pollUntil } from './cluster/poll-until.js';
import { commandArguments, environmentOf } from './command.js';
import type { Deployment } from './deployment.js';

/** One line of the log. If a line is not JSON (for example from Node itself), `msg` has the whole line. */
export interface LogLine {
  readonly msg: string;
  readonly level?: number;
  readonly partition?: number;
  readonly [field: string]: unknown;
}

export interface PartitionReadiness {
  readonly partition: number;
  readonly state: string;
  readonly reason: string | null;
}

/** The answer of `GET /readyz`. */
export interface Readiness {
  readonly ready: boolean;
  /** What the instance as a whole does before it runs. */
  readonly reason?: string;
  readonly unready: readonly Omit<PartitionReadiness, 'reason'>[];
}

/** The answer of `GET /partitions`. */
interface Inspected {
  readonly partitions: readonly PartitionReadiness[];
  /** Why the instance as a whole does not run yet. */
  readonly starting?: string;
}

export interface ProcessorOptions {
  /** By default a new, empty folder. Pass the folder of an earlier instance to start on its state. */
  readonly stateDir?: string;
  /** Environment variables that override those of the deployment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Arguments of Node that replace `dist/main.js run`, for a program that crashes on purpose. */
  readonly program?: readonly string[];
  /** Called with each line of the log as it comes, and with its text. */
  readonly onLine?: ProcessorStart['onLine'];
}

/** More than a start and a rebalance take on a busy machine. */
const READY_TIMEOUT_MS = 60_000;
const LOG_TIMEOUT_MS = 30_000;
const PROBE_TIMEOUT_MS = 2_000;
const LOG_LINES_IN_ERRORS = 30;
/** Stack traces are longer. */
const LOG_LINE_CHARACTERS_IN_ERRORS = 500;

/**
 * The instances of one test file. Call `endAll` after each test, or after all tests if they share an instance. After
 * it, no process is left, even if the test failed.
 */
export class Processors {
  readonly #started: Processor[] = [];
  readonly #folders: string[] = [];

  /** Starts an instance and does not wait for it. */
  start(deployment: Deployment, options: ProcessorOptions = {}): Processor {
    const stateDir = options.stateDir ?? this.newFolder();
    const settings = { HTTP_PORT: '0', ...deployment.environment, ...options.settings, STATE_DIR: stateDir };
    const program = options.program ?? commandArguments('run');
    const { onLine } = options;
    const start = { stateDir, program, env: environmentOf(settings) };
    const processor = new Processor(onLine === undefined ? start : { ...start, onLine });
    this.#started.push(processor);
    return processor;
  }

  /** Starts an instance and waits until it is ready. */
  async startReady(deployment: Deployment, options: ProcessorOptions = {}): Promise<Processor> {
    const processor = this.start(deployment, options);
    await processor.ready();
    return processor;
  }

  /** An empty folder that is removed after the test. */
  newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'processor-'));
    removeWithParent(folder);
    this.#folders.push(folder);
    return folder;
  }

  /** Kills the running instances and keeps the folders, for tests that continue with the state of a former test. */
  async killAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((processor) => processor.kill()));
  }

  /** Kills the running instances and removes the folders. */
  async endAll(): Promise<void> {
    await this.killAll();
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface ProcessorStart {
  /** The arguments of Node. */
  readonly program: readonly string[];
  /** All of the environment: STATE_DIR is among it. */
  readonly env: NodeJS.ProcessEnv;
  readonly stateDir: string;
  /** Called with each line of the log as it comes, and with its text. */
  readonly onLine?: (line: LogLine, text: string) => void;
}

/** One instance, from its start to its end. Tests, benches and the demo all run theirs by it. */
export class Processor {
  readonly stateDir: string;
  /** Everything that it has logged so far, including errors of Node. */
  readonly log: LogLine[] = [];
  /** The exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #ended = false;

  constructor({ program, env, stateDir, onLine }: ProcessorStart) {
    this.stateDir = stateDir;
    const child = spawnWithParent(process.execPath, program, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (text: string): void => {
      const line = parseLine(text);
      this.log.push(line);
      onLine?.(line, text);
    };
    for (const output of [child.stdout, child.stderr]) output?.setEncoding('utf8').on('data', linesTo(take));
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        take(error.message);
        resolve(null);
      });
      // Not `exit`: the last lines of the log come after that event.
      child.once('close', resolve);
    });
    void this.exited.then(() => (this.#ended = true));
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the processor was never started');
    return this.#child.pid;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** The signal or the exit code. */
  get endedWith(): string {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  /** Throws if it has ended. */
  mustRun(): void {
    if (this.#ended) throw new Error(`the processor has ended; its log ends with\n${this.logTail()}`);
  }

  /** The address of its HTTP server, from its log. */
  async address(): Promise<string> {
    const { address } = await this.logged(({ msg }) => msg === 'listening', 'it listens');
    return address as string;
  }

  /** Sends a GET request. Rejects if nothing listens. */
  async get(path: string): Promise<Response> {
    return fetch(`${await this.address()}${path}`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  }

  async readiness(): Promise<Readiness> {
    return (await (await this.get('/readyz')).json()) as Readiness;
  }

  /** Resolves once it reports that it is ready. */
  async ready(timeoutMs = READY_TIMEOUT_MS, intervalMs?: number): Promise<void> {
    await this.poll(async () => (await this.get('/readyz')).status === 200, 'it is ready', timeoutMs, intervalMs);
  }

  /** The answer of `GET /partitions` about this instance. */
  async inspected(): Promise<Inspected> {
    return (await (await this.get('/partitions')).json()) as Inspected;
  }

  /** Waits until a partition is in `state`. Resolves to the answer of `GET /partitions`. */
  async partitionIs(partition: number, state: string): Promise<PartitionReadiness> {
    let found: PartitionReadiness | undefined;
    const look = async () => {
      const { partitions } = await this.inspected();
      found = partitions.find((one) => one.partition === partition);
      return found?.state === state;
    };
    await this.poll(look, `partition ${partition} is ${state}`, READY_TIMEOUT_MS);
    return found as PartitionReadiness;
  }

  /**
   * The number of errors after which the instance restarted a partition, from the metrics: the log leaves repeated lines
   * out.
   */
  async partitionErrors(): Promise<number> {
    const metrics = await (await this.get('/metrics')).text();
    const counts = [...metrics.matchAll(/^company_sync_partition_errors_total\{.*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Waits for the first line of the log that fits, and returns it. */
  async logged(fits: (line: LogLine) => boolean, awaited: string): Promise<LogLine> {
    await this.poll(() => Promise.resolve(this.log.some(fits)), awaited, LOG_TIMEOUT_MS);
    return this.log.find(fits) as LogLine;
  }

  /** As `pollUntil`. If the process ends, rejects with the last lines of the log. */
  async poll(probe: () => Promise<boolean>, awaited: string, timeoutMs: number, intervalMs?: number): Promise<void> {
    const ended = this.exited.then((): never => {
      throw new Error(`the processor ended with ${this.endedWith} before ${awaited}`);
    });
    ended.catch(() => undefined); // It ends some day, long after the race below.
    await this.explained(pollUntil(probe, { awaited, timeoutMs, intervalMs, abort: ended }));
  }

  /** Awaits `result`. If it rejects, adds the last lines of the log to the error. */
  async explained<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; its log ends with\n${this.logTail()}`, { cause });
    }
  }

  /** The messages that it has logged so far, without the fields. */
  get messages(): string {
    return this.log.map(({ msg }) => msg).join('\n');
  }

  /** The last lines of the log, for the errors of tests. */
  logTail(): string {
    return this.log
      .slice(-LOG_LINES_IN_ERRORS)
      .map((line) => JSON.stringify(line).slice(0, LOG_LINE_CHARACTERS_IN_ERRORS))
      .join('\n');
  }

  /** Sends SIGTERM and waits for the end, without a time limit. @returns the exit code */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.exited;
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP freezes it, SIGCONT wakes it up. Does nothing if the process has ended. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }
}

function linesTo(take: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') take(line);
  };
}

function parseLine(text: string): LogLine {
  try {
    return { msg: text, ...(JSON.parse(text) as Partial<LogLine>) };
  } catch (error) {
    if (error instanceof SyntaxError) return { msg: text };
    throw error;
  }
}
