/** The platform: it writes the history of all companies to the input, in any order between partitions. */
import { NOTHING } from '../left-out.js';
import { historyOf, hurried, planRecords, type Draft, type PlannedRecord } from '../pipeline/history.js';
import { framed } from '../pipeline/codecs.js';
import type { NewEntry } from '../pipeline/model-log.js';
import { TOPICS } from './topics.js';
import type { World } from './world.js';

/** Until it tries again to write a record that no broker takes. */
const AGAIN_MS = 200;

export class Platform {
  /** By partition. */
  readonly #histories: readonly (readonly Draft[])[];
  /** By partition: what is not written yet, in its order. */
  #waiting: PlannedRecord[][] = [];
  /** The next record of a partition that no broker has taken yet: a repair is made once, for it names bad records. */
  readonly #refused = new Map<number, NewEntry>();

  constructor(private readonly world: World) {
    const { random, partitions } = world;
    let first = 0;
    this.#histories = Array.from({ length: partitions }, (_, partition) => {
      const count = random.integer(1, 8);
      first += count;
      return historyOf(random, partition, first - count, count);
    });
  }

  /** With those that are left out. */
  get records(): number {
    return this.#histories.reduce((sum, history) => sum + history.length, 0);
  }

  get hasWrittenAll(): boolean {
    return this.#waiting.every((records) => records.length === 0);
  }

  /** Writes each client's choice, before any instance starts. */
  writeChoices(choices: ReadonlyMap<string, string>): void {
    const { cluster, time } = this.world;
    for (const [clientId, synchronizedTrigger] of choices) {
      const value = framed('clientSettings', { clientId, synchronizedTrigger });
      cluster.append(TOPICS.clientSettings, 0, { key: Buffer.from(clientId), value, headers: [] }, time.now());
    }
  }

  /** Spreads the history over this time. */
  plan(writingMs: number, leftOut = NOTHING): void {
    let before = 0;
    this.#waiting = this.#histories.map((history) => {
      before += history.length;
      return planRecords(this.world.random, history, writingMs, leftOut, before - history.length);
    });
  }

  /** Writes the history as planned. @param faultyMs until all faults end: then the rest follows soon */
  begin(writingMs: number, faultyMs = writingMs): void {
    for (const [partition, records] of this.#waiting.entries())
      for (const { afterMs } of records)
        this.world.time.after(hurried(afterMs, writingMs, faultyMs), () => this.#writeNext(partition, records));
  }

  #writeNext(partition: number, records: PlannedRecord[]): void {
    const { cluster, time } = this.world;
    const [next] = records;
    if (next === undefined) return;
    const entry = this.#refused.get(partition) ?? next.draft.make(time.now());
    const { timestamp, ...record } = entry;
    const offset = cluster.append(TOPICS.syncEvents, partition, record, timestamp);
    if (offset === null) {
      this.#refused.set(partition, entry);
      return void time.after(AGAIN_MS, () => this.#writeNext(partition, records));
    }
    this.#refused.delete(partition);
    records.shift();
    next.draft.written(offset);
    this.world.trace('platform', `writes record ${next.number} at input ${partition}/${offset}`);
  }
}
