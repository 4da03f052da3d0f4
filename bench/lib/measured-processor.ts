/** Runs one instance of the processor as a process of its own, and reads from the kernel which resources it uses. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { diesWithParent, endWithParent, removeWithParent } from '../../testkit/cluster/end-with-parent.js';
import type { Deployment } from './deployment.js';

export interface Usage {
  /** CPU time of all threads since the start, in microseconds. */
  readonly userUs: number;
  readonly systemUs: number;
}

/** A line of the log about the state of a partition. */
export interface LoggedState {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly partition: number;
  readonly state: string;
  readonly reason?: string;
}

const KEPT_LOG_LINES = 20;
const READY_POLL_MS = 50;
/** In /proc, Linux counts CPU time in hundredths of a second, independent of the kernel's own tick. */
const CLOCK_TICK_US = 10_000;
const KIB = 1024;
/** `utime` among the fields of /proc/<pid>/stat after the command's name; `stime` follows it. */
const UTIME_FIELD = 11;
/** A state in /proc/<pid>/net/tcp. */
const REMOTE_FIELD = 2;
const STATE_FIELD = 3;
const INODE_FIELD = 9;
const ESTABLISHED = '01';

export class MeasuredProcessor {
  readonly #child: ChildProcess;
  readonly stateDir: string;
  /** Every state that a partition has entered so far. */
  readonly states: LoggedState[] = [];
  readonly #logTail: string[] = [];
  readonly #onState = new Set<() => void>();
  #address: (url: string) => void = () => undefined;
  /** The address of its HTTP server. Resolves when the server listens. */
  readonly address = new Promise<string>((resolve) => (this.#address = resolve));
  readonly #exited: Promise<void>;
  #ended = false;
  readonly #running: Promise<{ readonly at: number; readonly usage: Usage }>;

  /**
   * @param build the folder of the built processor @param nodeArguments flags of Node itself @param stateDir the folder
   * of a former instance; a new folder by default
   */
  constructor(deployment: Deployment, build: string, nodeArguments: readonly string[] = [], stateDir?: string) {
    this.stateDir = stateDir ?? mkdtempSync(join(tmpdir(), 'company-sync-bench-'));
    removeWithParent(this.stateDir);
    const main = join(build, 'main.js');
    const { flags, env } = readShebang(main);
    const program = [...flags, ...nodeArguments, main, 'run'];
    const [command, args] = diesWithParent(process.execPath, program);
    const child = spawn(command, args, {
      env: { ...deployment.env, ...env, STATE_DIR: this.stateDir, HTTP_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithParent(child);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('close', () => resolve());
    });
    void this.#exited.then(() => (this.#ended = true));
    this.#running = this.#followLog(child);
    this.#running.catch(() => undefined); // Reported to the code that waits; possibly no code waits.
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** When the first partition began to fetch (milliseconds since the epoch), and the resources used until then. */
  running(): Promise<{ readonly at: number; readonly usage: Usage }> {
    return this.#running;
  }

  /**
   * Resolves once so many of its partitions run. @returns the time when the last of them began to run (milliseconds
   * since the epoch)
   */
  async allRunning(partitions: number): Promise<number> {
    const now = (): Map<number, LoggedState> => new Map(this.states.map((state) => [state.partition, state]));
    const running = (): LoggedState[] => [...now().values()].filter(({ state }) => state === 'running');
    let changed: () => void = () => undefined;
    const enough = new Promise<void>((resolve) => {
      changed = () => {
        if (running().length >= partitions) resolve();
      };
      this.#onState.add(changed);
      changed();
    });
    await Promise.race([enough, this.#exited]);
    this.#onState.delete(changed);
    this.mustRun();
    return Math.max(...running().map(({ at }) => at));
  }

  /** In ascending order. */
  runningPartitions(): number[] {
    const now = new Map(this.states.map(({ partition, state }) => [partition, state]));
    return [...now].flatMap(([partition, state]) => (state === 'running' ? [partition] : [])).sort((a, b) => a - b);
  }

  /** Resolves once `GET /readyz` answers 200. */
  async ready(): Promise<void> {
    const address = await Promise.race([this.address, this.#exited]);
    for (;;) {
      this.mustRun();
      if ((await fetch(`${address as string}/readyz`)).ok) return;
      await delay(READY_POLL_MS);
    }
  }

  /** The present resident memory, in bytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB;
  }

  /** The number of present connections to the address `host:port` (IPv4). */
  connectionsTo(address: string): number {
    const fds = `/proc/${this.#child.pid}/fd`;
    const own = new Set(readdirSync(fds).flatMap((fd) => socketOf(join(fds, fd)) ?? []));
    const port = Number(address.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
    const lines = readFileSync(`/proc/${this.#child.pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
    return lines.filter((line) => {
      const { [REMOTE_FIELD]: remote = '', [INODE_FIELD]: inode = '', [STATE_FIELD]: state } = line.trim().split(/\s+/);
      return state === ESTABLISHED && remote.endsWith(`:${port}`) && own.has(inode);
    }).length;
  }

  usage(): Usage {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = (field: number): number => Number(fields[field]) * CLOCK_TICK_US;
    return { userUs: ticks(UTIME_FIELD), systemUs: ticks(UTIME_FIELD + 1) };
  }

  /** The highest resident memory so far, in bytes. */
  peakMemory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB;
  }

  /** @throws Error if the process has ended */
  mustRun(): void {
    if (this.#ended) throw new Error(`the processor has ended; its log ends with\n${this.#logTail.join('\n')}`);
  }

  /** kill -9; its state stays. */
  async kill(): Promise<void> {
    if (!this.#ended) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Sends SIGTERM and waits for the end, without a time limit. The state is kept. */
  async terminate(): Promise<void> {
    if (!this.#ended) this.#child.kill('SIGTERM');
    await this.#exited;
  }

  /** Sends SIGTERM and waits for the end, without a time limit. Then removes the state. */
  async stop(): Promise<void> {
    await this.terminate();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  async #followLog(child: ChildProcess): Promise<{ at: number; usage: Usage }> {
    const first = new Promise<{ at: number; usage: Usage }>((resolve) => {
      const take = (line: string): void => {
        this.#logTail.push(line);
        if (this.#logTail.length > KEPT_LOG_LINES) this.#logTail.shift();
        if (line.includes('"listening"')) this.#address((JSON.parse(line) as { address: string }).address);
        if (!line.includes('"partition is ')) return;
        const { time, ...state } = JSON.parse(line) as LoggedState & { time: number };
        this.states.push({ ...state, at: time });
        if (state.state === 'running') resolve({ at: time, usage: this.usage() });
        for (const told of this.#onState) told();
      };
      for (const output of [child.stdout, child.stderr])
        if (output !== null) createInterface({ input: output }).on('line', take);
    });
    const exited = this.#exited.then(() => {
      this.mustRun();
      throw new Error('the processor has ended');
    });
    return Promise.race([first, exited]);
  }
}

/** The inode of the socket of a file descriptor; null if it is not a socket, or is closed by now. */
function socketOf(fd: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(fd))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Reads how the command is run if it is called by its name: `#!/usr/bin/env -S VARIABLE=value node --flag ...`. */
function readShebang(file: string): { readonly flags: string[]; readonly env: Record<string, string> } {
  const [shebang = ''] = readFileSync(file, 'utf8').split('\n', 1);
  const [, variables = '', flags = ''] = /^#!.* -S (.*)\bnode (.*)$/.exec(shebang) ?? [];
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const env = words(variables).map((variable) => variable.split('=') as [string, string]);
  return { flags: words(flags), env: Object.fromEntries(env) };
}

export function usedSince(before: Usage, after: Usage): Usage {
  return { userUs: after.userUs - before.userUs, systemUs: after.systemUs - before.systemUs };
}
