import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterNode } from './cluster.js';
import { spawnWithParent } from './end-with-parent.js';
import { pollUntil } from './poll-until.js';

export interface JvmCommand {
  readonly name: string;
  /** Java, or a command that replaces itself by Java. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The folder for console.log, which has the standard output and error of every start. */
  readonly dir: string;
  /** Further log files that logTail shows. */
  readonly logFiles: readonly string[];
  /** Asks the process whether it is ready. A rejection means "not yet". */
  readonly answers: () => Promise<boolean>;
}

/**
 * The time from the start to the first good answer. It is long, because a busy machine starts three brokers on two
 * cores.
 */
const START_TIMEOUT_MS = 120_000;

/** The time from SIGTERM to SIGKILL. */
const STOP_TIMEOUT_MS = 30_000;

const LOG_TAIL_LINES = 60;

/** A Java program that can be started, ended and started again with the same command line. */
export class JvmProcess implements ClusterNode {
  readonly name: string;
  readonly #command: JvmCommand;
  #running: { child: ChildProcess; exited: Promise<void> } | undefined;

  constructor(command: JvmCommand) {
    this.name = command.name;
    this.#command = command;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} is running already`);
    const { child, exited } = this.#spawn();
    const died = exited.then((): never => {
      throw new Error(`${this.name} ended while starting (exit code ${child.exitCode}, signal ${child.signalCode})`);
    });
    died.catch(() => undefined); // This promise may settle long after the race below.
    try {
      await pollUntil(this.#command.answers, {
        awaited: `${this.name} serves`,
        timeoutMs: START_TIMEOUT_MS,
        abort: died,
      });
    } catch (cause) {
      await this.kill();
      throw new Error(`${this.name} did not start; its logs end with\n${await this.logTail()}`, { cause });
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.child.kill('SIGTERM');
    const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await running.exited;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.child.kill('SIGKILL');
    await running.exited;
  }

  pause(): Promise<void> {
    return this.#signal('SIGSTOP');
  }

  resume(): Promise<void> {
    return this.#signal('SIGCONT');
  }

  async logTail(): Promise<string> {
    const files = [join(this.#command.dir, 'console.log'), ...this.#command.logFiles];
    const tails = await Promise.all(files.map(async (file) => `--- ${file}\n${await tailOf(file)}`));
    return tails.join('\n');
  }

  #signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#running === undefined) return Promise.reject(new Error(`${this.name} is not running`));
    this.#running.child.kill(signal);
    return Promise.resolve();
  }

  #spawn(): { child: ChildProcess; exited: Promise<void> } {
    const console = openSync(join(this.#command.dir, 'console.log'), 'a');
    const { file, args, cwd } = this.#command;
    const child = spawnWithParent(file, args, { cwd, stdio: ['ignore', console, console] });
    closeSync(console);
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    }).then(() => {
      this.#running = undefined;
    });
    this.#running = { child, exited };
    return this.#running;
  }
}

async function tailOf(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '(no such file yet)';
    throw error;
  }
}
