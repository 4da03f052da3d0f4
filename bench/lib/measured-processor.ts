/** Runs one instance of the processor as a process of its own, and reads from the kernel which resources it uses. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeWithParent } from '../../testkit/cluster/end-with-parent.js';
import { Processor, type LogLine } from '../../testkit/processor.js';
import type { Deployment } from './deployment.js';
import { peakMemory, residentMemory, usageOf, type Usage } from './process-usage.js';

/** A line of the log about the state of a partition. */
export interface LoggedState {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly partition: number;
  readonly state: string;
  readonly reason?: string;
}

export interface FirstRun {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The resources used until then. */
  readonly usage: Usage;
}

const READY_POLL_MS = 50;
/** Fields of a line of /proc/<pid>/net/tcp, and the state of a connected socket. */
const REMOTE_FIELD = 2;
const STATE_FIELD = 3;
const INODE_FIELD = 9;
const ESTABLISHED = '01';

export class MeasuredProcessor extends Processor {
  /** Every state that a partition has entered so far. */
  readonly states: LoggedState[] = [];
  readonly #onState = new Set<() => void>();
  #firstRuns: (first: FirstRun) => void = () => undefined;
  readonly #running = new Promise<FirstRun>((resolve) => (this.#firstRuns = resolve));

  /**
   * @param build the folder of the built processor
   * @param nodeArguments flags of Node itself
   * @param stateDir the folder of a former instance; a new folder by default
   */
  constructor(
    deployment: Deployment,
    build: string,
    nodeArguments: readonly string[] = [],
    stateDir = mkdtempSync(join(tmpdir(), 'company-sync-bench-')),
  ) {
    removeWithParent(stateDir);
    const main = join(build, 'main.js');
    const { flags, env } = readShebang(main);
    super({
      program: [...flags, ...nodeArguments, main, 'run'],
      env: { ...deployment.env, ...env, STATE_DIR: stateDir, HTTP_PORT: '0' },
      stateDir,
      onLine: (line) => this.#take(line),
    });
  }

  /** When the first partition began to fetch (milliseconds since the epoch), and the resources used until then. */
  async firstRunning(): Promise<FirstRun> {
    await Promise.race([this.#running, this.exited]);
    this.mustRun();
    return this.#running;
  }

  /**
   * Resolves once this many of its partitions run.
   *
   * @returns the time when the last of them began to run (milliseconds since the epoch)
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
    await Promise.race([enough, this.exited]);
    this.#onState.delete(changed);
    this.mustRun();
    return Math.max(...running().map(({ at }) => at));
  }

  /** In ascending order. */
  runningPartitions(): number[] {
    const now = new Map(this.states.map(({ partition, state }) => [partition, state]));
    return [...now].flatMap(([partition, state]) => (state === 'running' ? [partition] : [])).sort((a, b) => a - b);
  }

  override ready(): Promise<void> {
    return super.ready(Infinity, READY_POLL_MS);
  }

  /** The present resident memory, in bytes. */
  memory(): number {
    return residentMemory(this.pid);
  }

  /** The number of present connections to the address `host:port` (IPv4). */
  connectionsTo(address: string): number {
    const fds = `/proc/${this.pid}/fd`;
    const own = new Set(readdirSync(fds).flatMap((fd) => socketOf(join(fds, fd)) ?? []));
    const port = Number(address.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
    const lines = readFileSync(`/proc/${this.pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
    return lines.filter((line) => {
      const { [REMOTE_FIELD]: remote = '', [INODE_FIELD]: inode = '', [STATE_FIELD]: state } = line.trim().split(/\s+/);
      return state === ESTABLISHED && remote.endsWith(`:${port}`) && own.has(inode);
    }).length;
  }

  usage(): Usage {
    return usageOf(this.pid);
  }

  /** The highest resident memory so far, in bytes. */
  peakMemory(): number {
    return peakMemory(this.pid);
  }

  /** Sends SIGTERM and waits for the end, without a time limit. Then removes the state. */
  async stopAndRemove(): Promise<void> {
    await this.stop();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  #take({ msg, time, ...fields }: LogLine): void {
    if (!msg.startsWith('partition is ')) return;
    const state = { ...(fields as unknown as LoggedState), at: time as number };
    this.states.push(state);
    if (state.state === 'running') this.#firstRuns({ at: state.at, usage: this.usage() });
    for (const changed of this.#onState) changed();
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

/** Reads the first line of a command: the variables and flags of Node that it sets if it is called by its name. */
function readShebang(file: string): { readonly flags: string[]; readonly env: Record<string, string> } {
  const [shebang = ''] = readFileSync(file, 'utf8').split('\n', 1);
  const [, variables = '', flags = ''] = /^#!.* -S (.*)\bnode (.*)$/.exec(shebang) ?? [];
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const env = words(variables).map((variable) => variable.split('=') as [string, string]);
  return { flags: words(flags), env: Object.fromEntries(env) };
}
