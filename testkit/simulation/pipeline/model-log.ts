/** One partition of a topic, as the brokers keep it: records, open transactions, markers, leader epochs. */
import type { Header } from '../../../src/lib/record.js';
import type { SeededRandom } from '../../seeded-random.js';

export interface LogEntry {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  /** Only a committed entry is delivered. Compaction removes an entry and keeps its offset. */
  state: 'committed' | 'open' | 'aborted' | 'marker' | 'removed';
}

export type NewEntry = Pick<LogEntry, 'timestamp' | 'key' | 'value' | 'headers'>;
export type Outcome = 'commit' | 'abort';

export class ModelLog {
  readonly entries: LogEntry[] = [];
  /** Where each epoch begins; the index is the epoch. */
  readonly #epochs = [0];
  /** Of the one transactional id that writes here; null if none is open. */
  #openFrom: number | null = null;
  /** Called when the last stable offset may have moved. */
  readonly #watchers = new Set<() => void>();

  constructor(readonly topic: string) {}

  get highWatermark(): number {
    return this.entries.length;
  }

  /** The last stable offset. */
  get end(): number {
    return this.#openFrom ?? this.entries.length;
  }

  get openFrom(): number | null {
    return this.#openFrom;
  }

  get leaderEpoch(): number {
    return this.#epochs.length - 1;
  }

  endOfEpoch(epoch: number): number {
    if (epoch < 0 || epoch > this.leaderEpoch) return -1;
    return this.#epochs[epoch + 1] ?? this.entries.length;
  }

  electLeader(): void {
    this.#epochs.push(this.entries.length);
  }

  /** @returns the offset after the last entry */
  append(records: readonly NewEntry[], inTransaction: boolean): number {
    if (inTransaction && records.length > 0) this.#openFrom ??= this.entries.length;
    for (const { timestamp, key, value, headers } of records) {
      const state = inTransaction ? 'open' : 'committed';
      this.entries.push({ offset: this.entries.length, timestamp, key, value, headers, state });
    }
    this.#moved();
    return this.entries.length;
  }

  /**
   * Loses the end of the open transaction and keeps its beginning, as an unclean election between two of its batches
   * does. @returns whether it had two records at least
   */
  loseEnd(random: SeededRandom): boolean {
    const open = this.entries.length - (this.#openFrom ?? this.entries.length);
    if (open < 2) return false;
    this.entries.length -= random.integer(1, open - 1);
    this.electLeader();
    return true;
  }

  /** Ends the open transaction, if there is one, by a marker. */
  endTransaction(outcome: Outcome, timestamp: number): void {
    for (const entry of this.entries.slice(this.#openFrom ?? this.entries.length))
      if (entry.state === 'open') entry.state = outcome === 'commit' ? 'committed' : 'aborted';
    this.#openFrom = null;
    const offset = this.entries.length;
    this.entries.push({ offset, timestamp, key: null, value: null, headers: [], state: 'marker' });
    this.#moved();
  }

  /** The committed entries, from `from` up to the last stable offset, looking at `most` offsets at most. */
  read(from: number, most: number): { readonly records: LogEntry[]; readonly nextOffset: number } {
    const nextOffset = Math.min(this.end, from + most);
    const records = this.entries.slice(from, nextOffset).filter(({ state }) => state === 'committed');
    return { records, nextOffset };
  }

  committed(): LogEntry[] {
    return this.read(0, this.end).records;
  }

  /** Removes entries below `below` that a later committed entry replaces, and what was aborted. Keeps tombstones. */
  compact(below: number): void {
    const latest = new Map<string, number>();
    for (const { key, offset } of this.committed()) if (key !== null) latest.set(key.toString('latin1'), offset);
    for (const entry of this.entries.slice(0, Math.min(below, this.end))) {
      const replaced = entry.key !== null && latest.get(entry.key.toString('latin1')) !== entry.offset;
      if (entry.state === 'committed' ? replaced : true) entry.state = 'removed';
    }
  }

  /** Calls `run` once, the next time the last stable offset may have moved. @returns cancels it */
  whenMoved(run: () => void): () => void {
    this.#watchers.add(run);
    return () => void this.#watchers.delete(run);
  }

  #moved(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const run of watchers) run();
  }
}
