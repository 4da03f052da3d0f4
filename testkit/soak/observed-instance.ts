/** An instance whose resources are read from the kernel, and the heap from V8's own trace of its collections. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { commandArguments } from '../command.js';
import type { Deployment } from '../deployment.js';
import type { Processor, Processors } from '../processor.js';

const MIB = 1024 * 1024;
const KIB = 1024;
/** A small heap: the cache of companies is a share of it, and is full sooner. */
const NODE_FLAGS = ['--trace-gc', '--max-old-space-size=128'];
/** `Mark-Compact (reduce) 25.3 (40.1) -> 20.1 (41.0) MB`: the bytes in use after a full collection. */
const FULL_COLLECTION = /Mark-Compact.*?-> ([\d.]+) \(/;
const KEPT_LINES = 200;

export class ObservedInstance {
  readonly stateDir: string;
  /** The bytes in use after the last full collection; null before the first. */
  #heap: number | null = null;
  #logBytes = 0;
  #processor: Processor | null = null;

  constructor(
    readonly name: string,
    private readonly deployment: Deployment,
    private readonly processors: Processors,
  ) {
    this.stateDir = processors.newFolder();
  }

  get isUp(): boolean {
    return this.#processor !== null;
  }

  async start(): Promise<void> {
    const settings = { NUM_STANDBY: '1', LOG_LEVEL: 'info' };
    this.#processor = this.processors.start(this.deployment, {
      stateDir: this.stateDir,
      settings,
      program: [...NODE_FLAGS, ...commandArguments('run')],
      onLine: (_, text) => this.#take(text),
    });
    await this.#processor.address();
  }

  async ready(): Promise<void> {
    await this.#processor?.ready();
  }

  /** @throws Error if the exit code is not 0 */
  async stop(): Promise<void> {
    const processor = this.#processor;
    this.#processor = null;
    const code = (await processor?.stop()) ?? 0;
    if (code !== 0)
      throw new Error(`${this.name} stopped with exit code ${code}; its log ends with\n${processor?.logTail()}`);
  }

  async kill(): Promise<void> {
    const processor = this.#processor;
    this.#processor = null;
    await processor?.kill();
  }

  /** @throws Error if the process has ended by itself */
  mustRun(): void {
    this.#processor?.mustRun();
    // The log of an hour would dominate the memory of this process.
    if (this.#processor !== null) this.#processor.log.splice(0, this.#processor.log.length - KEPT_LINES);
  }

  get heapAfterCollection(): number | null {
    return this.#heap;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  get residentBytes(): number {
    return this.#statusField('VmRSS') * KIB;
  }

  get threads(): number {
    return this.#statusField('Threads');
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }

  get stateBytes(): number {
    return bytesIn(this.stateDir);
  }

  get #pid(): number {
    if (this.#processor === null) throw new Error(`${this.name} does not run`);
    return this.#processor.pid;
  }

  #statusField(name: string): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  }

  #take(text: string): void {
    if (text.startsWith('{')) this.#logBytes += text.length + 1;
    else if (FULL_COLLECTION.test(text)) this.#heap = Number(FULL_COLLECTION.exec(text)?.[1]) * MIB;
  }
}

/** The bytes of all files below a folder. Files that disappear meanwhile do not count. */
export function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
