/** The platform: it writes the history of all companies to the input, in any order between partitions. */
import { historyOf, type Draft } from '../pipeline/history.js';
import { framed } from '../pipeline/codecs.js';
import type { NewEntry } from '../pipeline/model-log.js';
import { TOPICS } from './topics.js';
import type { World } from './world.js';

/** Until it tries again to write a record that no broker takes. */
const AGAIN_MS = 200;

export class Platform {
  /** Partition -> what is not written yet, in its order. */
  readonly #histories: Draft[][];
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

  get hasWrittenAll(): boolean {
    return this.#histories.every((history) => history.length === 0);
  }

  /** Writes each client's choice, before any instance starts. */
  writeChoices(choices: ReadonlyMap<string, string>): void {
    const { cluster, time } = this.world;
    for (const [clientId, synchronizedTrigger] of choices) {
      const value = framed('clientSettings', { clientId, synchronizedTrigger });
      cluster.append(TOPICS.clientSettings, 0, { key: Buffer.from(clientId), value, headers: [] }, time.now());
    }
  }

  /** Writes the history, spread over this time. */
  begin(writingMs: number): void {
    const { random, time } = this.world;
    for (const [partition, history] of this.#histories.entries())
      for (let i = history.length; i > 0; i--)
        time.after(random.integer(0, writingMs), () => this.#writeNext(partition, history));
  }

  #writeNext(partition: number, history: Draft[]): void {
    const { cluster, time } = this.world;
    const [draft] = history;
    if (draft === undefined) return;
    const entry = this.#refused.get(partition) ?? draft.make(time.now());
    const { timestamp, ...record } = entry;
    const offset = cluster.append(TOPICS.syncEvents, partition, record, timestamp);
    if (offset === null) {
      this.#refused.set(partition, entry);
      return void time.after(AGAIN_MS, () => this.#writeNext(partition, history));
    }
    this.#refused.delete(partition);
    history.shift();
    draft.written(offset);
    this.world.trace('platform', `writes input ${partition}/${offset}`);
  }
}
