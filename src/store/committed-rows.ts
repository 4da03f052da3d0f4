import type { KeyChange, KeyValueReads, Pair, StoreSnapshot } from './key-value-store.js';
import { decodePositionRow, type PositionRow } from './row-codec.js';
import { POSITION_KEY } from './row-keys.js';

/**
 * The rows of a partition at one moment, for readers outside its batches. They stay consistent while the owner writes.
 * They leave out a batch whose transaction was undecided at that moment, because it may still be undone.
 */
export class CommittedRows implements KeyValueReads {
  readonly #undo: ReadonlyMap<string, KeyChange>;

  /**
   * @param undo the writes that return every key of the undecided batch to its prior, in the order in which they are
   *   applied
   */
  constructor(
    private readonly snapshot: StoreSnapshot,
    undo: readonly KeyChange[],
  ) {
    this.#undo = new Map(undo.map((change) => [nameOf(change.key), change]));
  }

  /** The position row: these rows cover the input below its offset. Null if no batch was committed yet. */
  async position(): Promise<PositionRow | null> {
    const [row] = await this.read([POSITION_KEY]);
    return row == null ? null : decodePositionRow(row);
  }

  async read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    const values = await this.snapshot.read(keys);
    return values.map((value, i) => {
      const undone = this.#undo.get(nameOf(keys[i] as Buffer));
      return undone === undefined ? value : undone.value;
    });
  }

  async scan(prefix: Buffer, limit = Infinity): Promise<Pair[]> {
    // The filter below may remove as many pairs as the undo has keys.
    const found = await this.snapshot.scan(prefix, limit + this.#undo.size);
    const pairs = found.filter(({ key }) => !this.#undo.has(nameOf(key)));
    return [...pairs, ...this.#undone(prefix)].sort((a, b) => a.key.compare(b.key)).slice(0, limit);
  }

  /** Every pair whose key starts with `prefix`, unordered. Keeps only a few in memory at a time. */
  async *pairs(prefix: Buffer): AsyncGenerator<Pair, void, undefined> {
    for await (const pair of this.snapshot.pairs(prefix)) if (!this.#undo.has(nameOf(pair.key))) yield pair;
    yield* this.#undone(prefix);
  }

  *#undone(prefix: Buffer): Generator<Pair, void, undefined> {
    for (const { key, value } of this.#undo.values())
      if (value !== null && key.subarray(0, prefix.length).equals(prefix)) yield { key, value };
  }

  close(): Promise<void> {
    return this.snapshot.close();
  }
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
