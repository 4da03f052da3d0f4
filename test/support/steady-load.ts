import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from '../../testkit/deployment.js';
import { historyPortions, type PortionOptions } from './history-portions.js';
import type { Place, Platform, PlatformRecord } from './platform.js';

/** The pause between two rounds. It keeps batches small, and limits the length of the log. */
const PACE_MS = 100;
/** Longer than an election of new leaders takes. */
const INSIST_MS = 30_000;
const COMPANIES_AT_ONCE = 3;
export const PORTIONS_OF_A_COMPANY = 4;

export type LoadOptions = Pick<PortionOptions, 'further' | 'spelling' | 'without'>;

/**
 * Writes company histories to an empty input until it is stopped. Each round writes one portion to each partition, in
 * one request.
 */
export class SteadyLoad {
  readonly #places: Place[] = [];
  readonly #partitions: readonly EndlessPortions[];
  readonly #rounds = new EventEmitter<{ over: []; paused: []; resumed: [] }>();
  readonly #ended: Promise<void>;
  #pausing = false;
  #stopping = false;

  /** Begins at once. Call `stop` at the end. */
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
    this.#ended.catch(() => undefined); // `more` and `stop` report the error.
  }

  /** Resolves once every partition has more records than at the time of the call. @returns the places of all records */
  async more(): Promise<readonly Place[]> {
    // The round in progress may have begun before this call.
    for (let rounds = 0; rounds < 2; rounds++) await Promise.race([once(this.#rounds, 'over'), this.#ended]);
    return [...this.#places];
  }

  /** When it resolves, nothing is being written, until `resume` is called. @returns the places of all records */
  async pause(): Promise<readonly Place[]> {
    this.#pausing = true;
    await Promise.race([once(this.#rounds, 'paused'), this.#ended]);
    return [...this.#places];
  }

  resume(): void {
    this.#pausing = false;
    this.#rounds.emit('resumed');
  }

  /** @returns the places of all records */
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

  /**
   * While leaders move, a write may fail in part. Then all its records are written again, so each record is in the log
   * at least once.
   */
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

/** The histories of one partition, one set after another. */
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
