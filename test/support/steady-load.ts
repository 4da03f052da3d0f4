import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from '../../testkit/deployment.js';
import { historyPortions, type PortionOptions } from './history-portions.js';
import type { Place, Platform, PlatformRecord } from './platform.js';

/** Between two rounds, so that batches are small and the log does not outgrow the test. */
const PACE_MS = 100;
/** Longer than it takes to elect new leaders. */
const INSIST_MS = 30_000;
const COMPANIES_AT_ONCE = 3;
export const PORTIONS_OF_A_COMPANY = 4;

export type LoadOptions = Pick<PortionOptions, 'further' | 'spelling' | 'without'>;

/** Company histories written to an empty input without end: each round a portion to each partition, in one request. */
export class SteadyLoad {
  readonly #places: Place[] = [];
  readonly #partitions: readonly EndlessPortions[];
  readonly #rounds = new EventEmitter<{ over: []; paused: []; resumed: [] }>();
  readonly #ended: Promise<void>;
  #pausing = false;
  #stopping = false;

  /** Begins at once. Call `stop`. */
  constructor(
    private readonly platform: Platform,
    deployment: Deployment,
    options: LoadOptions = {},
  ) {
    this.#partitions = Array.from(
      { length: deployment.partitions },
      (_, p) => new EndlessPortions(platform, deployment, p, options),
    );
    this.#ended = this.#write();
    this.#ended.catch(() => undefined); // `more` and `stop` tell of it.
  }

  /** Resolves once more has been written to every partition than when it was called. @returns where all records lie */
  async more(): Promise<readonly Place[]> {
    // The round under way may have begun before.
    for (let rounds = 0; rounds < 2; rounds++) await Promise.race([once(this.#rounds, 'over'), this.#ended]);
    return [...this.#places];
  }

  /** Nothing is being written once it resolves, until `resume`. @returns where all records lie */
  async pause(): Promise<readonly Place[]> {
    this.#pausing = true;
    await Promise.race([once(this.#rounds, 'paused'), this.#ended]);
    return [...this.#places];
  }

  resume(): void {
    this.#pausing = false;
    this.#rounds.emit('resumed');
  }

  /** @returns where all records lie */
  async stop(): Promise<readonly Place[]> {
    this.#stopping = true;
    this.resume();
    await this.#ended;
    return this.#places;
  }

  async #write(): Promise<void> {
    while (!this.#stopping) {
      this.#places.push(...(await this.#insist(this.#partitions.flatMap((portions) => portions.next()))));
      this.#rounds.emit('over');
      await delay(PACE_MS);
      if (!this.#pausing) continue;
      this.#rounds.emit('paused');
      await once(this.#rounds, 'resumed');
    }
  }

  /** While leaders move, a write may fail in part. All of it is written again then, so that each record is there. */
  async #insist(records: readonly PlatformRecord[]): Promise<readonly Place[]> {
    for (const deadline = Date.now() + INSIST_MS; ;) {
      try {
        return await this.platform.send(records);
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await delay(PACE_MS);
      }
    }
  }
}

/** Histories of one partition, one set after the other. */
class EndlessPortions {
  #offset = 0;
  #portions: PlatformRecord[][] = [];

  constructor(
    private readonly platform: Platform,
    private readonly deployment: Deployment,
    private readonly partition: number,
    private readonly options: LoadOptions,
  ) {}

  next(): PlatformRecord[] {
    if (this.#portions.length === 0)
      this.#portions = historyPortions(this.platform, this.deployment, {
        partition: this.partition,
        firstOffset: this.#offset,
        seed: this.#offset,
        portions: PORTIONS_OF_A_COMPANY,
        companies: COMPANIES_AT_ONCE,
        ...this.options,
      });
    const portion = this.#portions.shift() ?? [];
    this.#offset += portion.length;
    return portion;
  }
}
