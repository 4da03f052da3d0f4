/**
 * A process of the simulation: it can be killed at any await, and frozen for a while. Each call to a broker or a disk
 * is two events: the request arrives, and later its answer. Faults happen to either.
 */
import type { Clock, EndSignal } from '../../../src/lib/clock.js';
import { BrokerError } from '../../../src/pipeline/errors.js';
import { BusyError } from './model-coordinator.js';
import type { World } from './world.js';

const AGAIN_MS = 2;
/** How long a client waits for an answer that does not come. */
const ANSWER_TIMEOUT_MS = 5_000;

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

export class SimulatedProcess {
  #isDead = false;
  /** What waits until the process is not frozen any more, in its order; null if it is not frozen. */
  #waiting: (() => void)[] | null = null;
  /** The process has lost an answer since it was last asked about that. */
  lostConnection = false;
  readonly clock: Clock;

  constructor(
    readonly world: World,
    readonly name: string,
  ) {
    this.clock = { now: () => world.time.now(), delay: (ms, signal) => this.#delay(ms, signal) };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Nothing of the process runs any more. Requests that it has sent still arrive. */
  kill(): void {
    this.#isDead = true;
  }

  freeze(ms: number): void {
    if (this.#waiting !== null) return;
    this.#waiting = [];
    this.world.time.after(ms, () => this.thaw());
  }

  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const run of waiting) this.later(0, run);
  }

  /**
   * Sends a request to the brokers.
   *
   * @param effect what the brokers do when it arrives, and their answer. It may throw BusyError
   * @param change whether it may be lost or fail without an answer. Reads are repeated by the clients of Kafka
   */
  callBroker<T>(name: string, effect: () => T, change = true): Promise<T> {
    const { world } = this;
    const { weather } = world;
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        world.trace(this.name, `${name}: ${why}`);
        this.lostConnection = true;
        this.later(ANSWER_TIMEOUT_MS, () => reject(new BrokerError(`${name}: no answer`)));
      };
      const attempt = (): void => {
        if (weather.brokersAreDown) return fail('the brokers are down');
        if (change && weather.losesRequest(name)) return fail('the request is lost');
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
          world.trace(this.name, name);
        } catch (error) {
          if (error instanceof BusyError) return void world.time.after(AGAIN_MS, attempt);
          answer = () => reject(asError(error));
          world.trace(this.name, `${name}: ${(error as Error).message}`);
        }
        if (change && weather.losesAnswer(name)) return fail('done, but the answer is lost');
        this.later(weather.latencyMs(), answer);
      };
      world.time.after(weather.latencyMs(), attempt);
    });
  }

  /** A call of a process that is killed before `effect` has no effect. */
  callDisk<T>(name: string, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.later(this.world.weather.diskMs(), () => {
        let answer: () => void;
        try {
          const value = effect();
          answer = () => resolve(value);
          this.world.trace(this.name, `disk ${name}`);
        } catch (error) {
          answer = () => reject(asError(error));
          this.world.trace(this.name, `disk ${name}: ${(error as Error).message}`);
        }
        this.later(this.world.weather.diskMs(), answer);
      });
    });
  }

  /** Runs `run` in this process: not if it is dead then, and later if it is frozen then. @returns cancels it */
  later(ms: number, run: () => void): () => void {
    let isCancelled = false;
    this.world.time.after(ms, () => {
      if (this.#isDead || isCancelled) return;
      if (this.#waiting === null) return run();
      this.#waiting.push(() => {
        if (!isCancelled) run();
      });
    });
    return () => {
      isCancelled = true;
    };
  }

  #delay(ms: number, signal?: EndSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      // A timer that is not finite never fires.
      const cancel = this.later(Math.min(ms, MAX_DELAY_MS), end);
      signal?.addEventListener('abort', end);
    });
  }
}

/** As Node's timers. */
const MAX_DELAY_MS = 2 ** 31 - 1;
