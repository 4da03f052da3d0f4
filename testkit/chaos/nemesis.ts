/** Lets the faults of a plan happen on real processes, each when its turn comes, and heals every one. */
import { setTimeout as delay } from 'node:timers/promises';
import { carryOut, type Surroundings } from './carry-out.js';
import { after, BROKERS, KINDS, lanesOf, type Fault, type FaultKind, type Plan } from './schedule.js';

interface UnderWay {
  readonly fault: Fault;
  readonly beganAt: number;
}

export class Nemesis {
  readonly #underWay = new Set<UnderWay>();
  readonly #begun = new Map<FaultKind, number>();
  readonly #end = new AbortController();

  /** @param note gets one line when a fault begins, and one when it is healed */
  constructor(
    private readonly plan: Plan,
    private readonly surroundings: Surroundings,
    private readonly note: (line: string) => void,
  ) {}

  /** The number of faults of each kind that began. */
  get begun(): ReadonlyMap<FaultKind, number> {
    return this.#begun;
  }

  /** The faults under way, with the time since they began. */
  get underWay(): string {
    const now = performance.now();
    const all = [...this.#underWay].map(
      ({ fault, beganAt }) => `${this.#named(fault)} (${((now - beganAt) / 1_000).toFixed(0)} s)`,
    );
    return all.length === 0 ? 'none' : all.join(', ');
  }

  /** Begins no more faults, and lets those under way heal at once. `run` resolves when all are healed. */
  end(): void {
    this.#end.abort();
  }

  /** Resolves when all faults are healed. If one cannot be healed, heals the others and rejects. */
  async run(): Promise<void> {
    const beganAt = performance.now();
    const { faults, instances, isOverlapping } = this.plan;
    /** The last fault of each lane. */
    const lastOf = new Map<string, Promise<void>>();
    const running = faults.map((fault) => {
      const lanes = isOverlapping ? lanesOf(fault, instances) : ['all'];
      const earlier = Promise.all(lanes.map((lane) => lastOf.get(lane) ?? Promise.resolve()));
      const happening = earlier.then(() => this.#happen(fault, beganAt));
      for (const lane of lanes) lastOf.set(lane, happening);
      happening.catch(() => this.end());
      return happening;
    });
    const results = await Promise.allSettled(running);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #happen(fault: Fault, beganAt: number): Promise<void> {
    await this.#pause(beganAt + fault.atMs - performance.now());
    if (this.#end.signal.aborted || this.surroundings.impossible.has(fault.kind)) return;
    const underWay = { fault, beganAt: performance.now() };
    this.#underWay.add(underWay);
    this.#begun.set(fault.kind, (this.#begun.get(fault.kind) ?? 0) + 1);
    this.note(`begin: ${this.#named(fault)}, for ${fault.forMs} ms`);
    try {
      const pause = (ms: number): Promise<void> => this.#pause(ms);
      await carryOut(fault, this.surroundings, { pause, isOver: () => this.#end.signal.aborted });
    } catch (cause) {
      throw new Error(`could not carry out or heal: ${this.#named(fault)}: ${(cause as Error).message}`, { cause });
    }
    this.note(`healed: ${this.#named(fault)}`);
    this.#underWay.delete(underWay);
  }

  /** Ends early when the run ends. */
  async #pause(ms: number): Promise<void> {
    await delay(Math.max(0, ms), undefined, { signal: this.#end.signal }).catch(() => undefined);
  }

  #named({ kind, target }: Fault): string {
    const { instances } = this.plan;
    switch (kind) {
      case 'brokers rolled':
      case 'group coordinator moved':
      case 'transaction coordinators moved':
      case 'registry down':
      case 'quota':
        return kind;
      case 'swapped state':
        return `${kind}: instances ${target + 1} and ${after(target, instances) + 1}`;
      case 'brokers cut apart':
        return `${kind}: brokers ${target + 1} and ${after(target, BROKERS) + 1}`;
      case 'instance killed':
      case 'instance frozen':
      case 'state lost':
      case 'older state':
      case 'disk full':
      case 'broker killed':
      case 'broker frozen':
      case 'broker cut off':
        return `${kind}: ${KINDS[kind].on} ${target + 1}`;
    }
  }
}
