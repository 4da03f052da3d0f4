/**
 * The time of a simulation. It passes only from one planned event to the next, so hours take milliseconds. Events that
 * are due at the same time run in the order in which they were planned.
 */

/** Kept from before `takeOverGlobals`. */
const realSetImmediate = setImmediate;

/** Node settles all promises between two immediates. So one turn of its event loop, which is expensive, runs many events. */
const EVENTS_PER_TURN = 64;

interface Planned {
  readonly at: number;
  /** Decides between events of the same time. */
  readonly turn: number;
  /** Null: cancelled. */
  run: (() => void) | null;
}

export class SimulatedTime {
  /** A binary heap: the next event is first. */
  readonly #heap: Planned[] = [];
  #now: number;
  readonly #startMs: number;
  #turns = 0;
  #steps = 0;

  /** @param startMs milliseconds since the epoch */
  constructor(startMs: number) {
    this.#now = startMs;
    this.#startMs = startMs;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now;
  }

  /** Milliseconds since the start. Unlike a process's clock, nobody sets it. */
  elapsed(): number {
    return this.#now - this.#startMs;
  }

  /** The number of events that have run. */
  get steps(): number {
    return this.#steps;
  }

  /** Plans `run`. @returns cancels it */
  after(ms: number, run: () => void): () => void {
    const planned: Planned = { at: this.#now + (ms > 0 ? ms : 0), turn: this.#turns++, run };
    this.#push(planned);
    return () => {
      planned.run = null;
    };
  }

  /** Runs the next event. @returns false if none is planned */
  step(): boolean {
    for (let next = this.#pop(); next !== undefined; next = this.#pop()) {
      if (next.run === null) continue;
      this.#now = next.at;
      this.#steps++;
      next.run();
      return true;
    }
    return false;
  }

  /**
   * Runs events until `isOver`. After each event, waits until all promises that can settle have settled. So the order
   * of the events does not depend on the machine.
   *
   * @throws Error if nothing is planned any more, or after `maxSteps` events
   */
  async run(isOver: () => boolean, maxSteps = 10_000_000): Promise<void> {
    const until = this.#steps + maxSteps;
    await new Promise<void>((resolve, reject) => {
      let hasEnded = false;
      const end = (settle: () => void): void => {
        hasEnded = true;
        settle();
      };
      const next = (): void => {
        if (hasEnded) return;
        try {
          if (isOver()) end(resolve);
          else if (this.#steps >= until) throw new Error(`the simulation has not ended after ${maxSteps} steps`);
          else if (!this.step()) throw new Error('the simulation waits, but no event is planned');
        } catch (error) {
          end(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      };
      const turn = (): void => {
        if (hasEnded) return;
        for (let i = 0; i < EVENTS_PER_TURN; i++) realSetImmediate(next);
        realSetImmediate(turn);
      };
      realSetImmediate(turn);
    });
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let i = heap.push(planned) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(planned, heap[parent] as Planned)) break;
      heap[i] = heap[parent] as Planned;
      i = parent;
    }
    heap[i] = planned;
  }

  #pop(): Planned | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Planned, heap[child] as Planned)) child++;
      if (!isBefore(heap[child] as Planned, last)) break;
      heap[i] = heap[child] as Planned;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}

/** Resolves when no promise reaction is left to run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void realSetImmediate(resolve));
}
