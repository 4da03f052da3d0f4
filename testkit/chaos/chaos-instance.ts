/** An instance that can be killed, frozen, and started with other state. Its log is kept in a file. */
import { appendFileSync, cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from '../deployment.js';
import { limitFiles } from './file-limit.js';
import { InstanceFigures } from './instance-figures.js';
import type { Processor, Processors, Readiness } from '../processor.js';

/** Of the log that is kept in memory for error messages. */
const KEPT_LINES = 200;
const PROBE_TIMEOUT_MS = 2_000;
/** For how long an instance that could not open its state may take to end. */
const ENDING_MS = 3_000;

export class ChaosInstance {
  readonly figures = new InstanceFigures();
  readonly #stateDir: string;
  readonly #copyDir: string;
  readonly #logFile: string;
  #processor: Processor | null = null;
  #address: string | null = null;
  #isDiskFull = false;

  /** @param folder for its state and its log; the folder must exist */
  constructor(
    readonly name: string,
    private readonly deployment: Deployment,
    private readonly processors: Processors,
    private readonly standbys: number,
    folder: string,
  ) {
    this.#stateDir = join(folder, `${name}-state`);
    this.#copyDir = join(folder, `${name}-copy`);
    this.#logFile = join(folder, `${name}.log`);
  }

  get isUp(): boolean {
    return this.#processor !== null;
  }

  /** Starts it and does not wait: the next fault may come while it starts. */
  start(): void {
    this.#address = null;
    this.figures.started();
    const processor = this.processors.start(this.deployment, {
      stateDir: this.#stateDir,
      settings: { NUM_STANDBY: String(this.standbys), LOG_LEVEL: 'info' },
      onLine: (line, text) => {
        appendFileSync(this.#logFile, `${text}\n`);
        if (this.#processor !== processor) return;
        this.figures.logged(line);
        if (line.msg === 'listening') this.#address = line['address'] as string;
        processor.log.splice(0, processor.log.length - KEPT_LINES);
      },
    });
    this.#processor = processor;
  }

  async kill(): Promise<void> {
    const processor = this.#processor;
    this.#processor = null;
    processor?.signal('SIGCONT');
    await processor?.kill();
  }

  freeze(): void {
    this.#processor?.signal('SIGSTOP');
  }

  wakeUp(): void {
    this.#processor?.signal('SIGCONT');
  }

  /** From now on, no file of the process can be written. If it is about to open its state, it ends. */
  async fillDisk(): Promise<void> {
    this.#isDiskFull = true;
    if (this.#processor !== null) await limitFiles(this.#processor.pid, 0);
  }

  /** Undoes `fillDisk`. Starts an instance that has ended, as a supervisor would. */
  async freeDisk(): Promise<void> {
    if (this.#processor?.running === true) {
      const { exited, pid } = this.#processor;
      const failure = await limitFiles(pid, 'unlimited').catch((error: unknown) => error);
      await Promise.race([exited, delay(ENDING_MS)]);
      if (failure instanceof Error && this.#processor.running) throw failure;
    }
    if (this.#processor?.running === false) this.start();
    this.#isDiskFull = false;
  }

  /** Only while it is down. */
  loseState(): void {
    rmSync(this.#stateDir, { recursive: true, force: true });
  }

  /** Only while it is down. */
  copyState(): void {
    rmSync(this.#copyDir, { recursive: true, force: true });
    mkdirSync(this.#stateDir, { recursive: true }); // It may have been killed before it created the folder.
    cpSync(this.#stateDir, this.#copyDir, { recursive: true });
  }

  /** Only while it is down. Replaces its state by the copy. */
  putCopyBack(): void {
    this.loseState();
    renameSync(this.#copyDir, this.#stateDir);
  }

  /** Only while both are down. Each gets the state of the other. */
  swapState(other: ChaosInstance): void {
    for (const instance of [this, other]) mkdirSync(instance.#stateDir, { recursive: true });
    renameSync(this.#stateDir, this.#copyDir);
    renameSync(other.#stateDir, this.#stateDir);
    renameSync(this.#copyDir, other.#stateDir);
  }

  /** Counts the transactions so far. An instance that does not answer keeps its last count. */
  async countTransactions(): Promise<void> {
    if (this.#address === null) return;
    try {
      const answer = await fetch(`${this.#address}/metrics`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      this.figures.measured(await answer.text());
    } catch {
      return; // It is down or frozen.
    }
  }

  /** @throws Error if the process has ended by itself */
  mustRun(): void {
    const processor = this.#processor;
    if (processor === null || processor.running || this.#isDiskFull) return;
    throw new Error(
      `${this.name} ended by itself with ${processor.endedWith}; its log ends with\n${processor.logTail()}`,
    );
  }

  async isReady(): Promise<boolean> {
    this.mustRun();
    if (this.#address === null) return false;
    const answer = await fetch(`${this.#address}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    if (answer.status === 200) return true;
    const { reason, unready } = (await answer.json()) as Readiness;
    const partitions = unready.map(({ partition, state }) => `partition ${partition} ${state}`);
    throw new Error(`${this.name}: ${[...(reason === undefined ? [] : [reason]), ...partitions].join(', ')}`);
  }
}
