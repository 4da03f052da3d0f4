/** Carries out the faults of a plan on real processes, and heals every one. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.js';
import type { ChaosInstance } from './chaos-instance.js';
import { KINDS, laneOf, type Fault, type FaultKind, type Plan } from './schedule.js';

export interface Surroundings {
  readonly cluster: Cluster;
  readonly instances: readonly ChaosInstance[];
}

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
      ({ fault, beganAt }) => `${named(fault)} (${((now - beganAt) / 1_000).toFixed(0)} s)`,
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
    const lanes = new Map<string, Fault[]>();
    for (const fault of this.plan.faults) {
      const lane = this.plan.isOverlapping ? laneOf(fault) : 'all';
      lanes.set(lane, [...(lanes.get(lane) ?? []), fault]);
    }
    const running = [...lanes.values()].map((faults) => this.#inTurn(faults, beganAt));
    for (const lane of running) lane.catch(() => this.end());
    const results = await Promise.allSettled(running);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #inTurn(faults: readonly Fault[], beganAt: number): Promise<void> {
    for (const fault of faults) {
      await this.#pause(beganAt + fault.atMs - performance.now());
      if (this.#end.signal.aborted) return;
      const underWay = { fault, beganAt: performance.now() };
      this.#underWay.add(underWay);
      this.#begun.set(fault.kind, (this.#begun.get(fault.kind) ?? 0) + 1);
      this.note(`begin: ${named(fault)}, for ${fault.forMs} ms`);
      try {
        await this.#happen(fault);
      } catch (cause) {
        throw new Error(`could not carry out or heal: ${named(fault)}: ${(cause as Error).message}`, { cause });
      }
      this.note(`healed: ${named(fault)}`);
      this.#underWay.delete(underWay);
    }
  }

  async #happen(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'instance killed':
      case 'instance frozen':
      case 'state lost':
      case 'older state':
        return this.#breakInstance(fault.kind, this.surroundings.instances[fault.target] as ChaosInstance, fault.forMs);
      case 'broker killed':
      case 'broker frozen':
      case 'brokers rolled':
        return this.#breakBrokers(fault);
      case 'registry down': {
        const { registry } = this.surroundings.cluster;
        await registry?.kill();
        await this.#pause(fault.forMs);
        return registry?.start();
      }
    }
  }

  async #breakInstance(
    kind: 'instance killed' | 'instance frozen' | 'state lost' | 'older state',
    instance: ChaosInstance,
    forMs: number,
  ): Promise<void> {
    instance.mustRun();
    if (kind === 'instance frozen') {
      instance.freeze();
      await this.#pause(forMs);
      return instance.wakeUp();
    }
    await instance.kill();
    if (kind === 'older state') {
      instance.copyState();
      instance.start();
      await this.#pause(forMs);
      instance.mustRun();
      await instance.kill();
      instance.putCopyBack();
      return instance.start();
    }
    if (kind === 'state lost') instance.loseState();
    await this.#pause(forMs);
    instance.start();
  }

  async #breakBrokers({ kind, forMs, target }: Fault): Promise<void> {
    const { brokers } = this.surroundings.cluster;
    if (kind === 'broker killed') {
      await brokers[target]?.kill();
      await this.#pause(forMs);
      return brokers[target]?.start();
    }
    if (kind === 'broker frozen') {
      await brokers[target]?.pause();
      await this.#pause(forMs);
      return brokers[target]?.resume();
    }
    for (const [turn] of brokers.entries()) {
      if (turn > 0) await this.#pause(forMs / brokers.length / 2);
      if (this.#end.signal.aborted) return;
      const broker = brokers[(target + turn) % brokers.length];
      await broker?.stop();
      await broker?.start();
    }
  }

  /** Ends early when the run ends. */
  async #pause(ms: number): Promise<void> {
    await delay(Math.max(0, ms), undefined, { signal: this.#end.signal }).catch(() => undefined);
  }
}

function named({ kind, target }: Fault): string {
  const { on } = KINDS[kind];
  return on === 'registry' || kind === 'brokers rolled' ? kind : `${kind}: ${on} ${target + 1}`;
}
