/**
 * A process of the simulation: it can be killed at any await, and frozen for a while. All that runs in a process begins
 * with an event of its own, so the globals know which process uses them.
 */
import type { Clock, EndSignal } from '../../../src/lib/clock.js';
import type { GlobalTime } from '../globals.js';
import type { DiskUser } from '../pipeline/memory-disk.js';
import type { World } from './world.js';

/** As Node's timers: a longer one never fires. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class SimulatedProcess implements DiskUser {
  #isDead = false;
  /** What waits until the process is not frozen any more, in its order; null if it is not frozen. */
  #waiting: (() => void)[] | null = null;
  #timers = 0;
  /** How far its clock is ahead of the true time. */
  clockAheadMs = 0;
  readonly clock: Clock;

  /** @param onCrash called with an error that nothing has caught: the process ends */
  constructor(
    readonly world: World,
    readonly name: string,
    private readonly onCrash: (error: unknown) => void,
  ) {
    const { time } = world;
    this.clock = {
      now: () => time.now() + this.clockAheadMs,
      monotonicMs: () => time.elapsed(),
      delay: (ms, signal) => this.#delay(ms, signal),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#waiting !== null;
  }

  /** How many timers and calls it waits for. */
  get timers(): number {
    return this.#timers;
  }

  /** Nothing of the process runs any more. What it has sent still arrives. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.world.network.processEnded(this);
  }

  freeze(ms: number): void {
    if (this.#waiting !== null) return;
    this.#waiting = [];
    this.world.time.after(ms, () => this.thaw());
  }

  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const run of waiting) this.world.time.after(0, () => this.enter(run));
  }

  /** Runs `run` in this process now: not if it is dead, and later if it is frozen. */
  enter(run: () => void): void {
    if (this.#isDead) return;
    if (this.#waiting !== null) return void this.#waiting.push(run);
    this.world.time.current = this;
    try {
      run();
    } catch (error) {
      this.onCrash(error);
    }
  }

  /** An error that nothing has caught, such as a promise's. */
  crash(error: unknown): void {
    this.onCrash(error);
  }

  later(ms: number, run: () => void): () => void {
    let isOver = false;
    this.#timers++;
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.#timers--;
      return true;
    };
    const cancel = this.world.time.after(Math.min(ms, MAX_DELAY_MS), () =>
      this.enter(() => {
        if (end()) run();
      }),
    );
    return () => {
      if (end()) cancel();
    };
  }

  callDisk<T>(name: string, effect: () => T): Promise<T> {
    const { world } = this;
    const ms = (): number => world.random.integer(0, world.maxDiskMs);
    return new Promise((resolve, reject) => {
      this.later(ms(), () => {
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(asError(error));
          world.trace(this.name, `disk ${name}: ${(error as Error).message}`);
        }
        this.later(ms(), answer);
      });
    });
  }

  #delay(ms: number, signal?: EndSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.later(ms, end);
      signal?.addEventListener('abort', end);
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The globals of all processes: each timer belongs to the process that sets it. */
export function globalTimeOf({ time, http }: World): GlobalTime {
  return {
    fetch: (url, init) =>
      time.current === null
        ? Promise.reject(new Error('only processes of the simulation have HTTP'))
        : http.fetch(time.current, url instanceof Request ? url.url : url.toString(), init?.signal),
    now: () => time.now() + (time.current?.clockAheadMs ?? 0),
    elapsed: () => time.elapsed(),
    after: (ms, run) => (time.current === null ? time.after(ms, run) : time.current.later(ms, run)),
  };
}
