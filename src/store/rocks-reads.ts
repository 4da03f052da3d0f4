/** Reading a RocksDB, or a snapshot of one. */
import type RocksDB from 'rocksdb';
import type { KeyValueReads, Pair } from './key-value-store.js';
import { storeErrorOf } from './rocks-errors.js';

const SCAN_CAPACITY = 256;

export abstract class RocksReads implements KeyValueReads {
  constructor(
    protected readonly db: RocksDB,
    protected readonly folder: string,
  ) {}

  async read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    this.mustBeOpen();
    if (keys.length === 0) return [];
    try {
      const batch = this.db.read({ capacity: keys.length, autoDestroy: true });
      const values = keys.map((key) => batch.get(key));
      batch.tryFlush();
      return await Promise.all(values);
    } catch (cause) {
      throw storeErrorOf(`cannot read from ${this.folder}`, cause);
    }
  }

  async scan(prefix: Buffer, limit = Infinity): Promise<Pair[]> {
    const pairs: Pair[] = [];
    for await (const pair of this.pairs(prefix, limit)) pairs.push(pair);
    return pairs;
  }

  /** As `scan`, but holds a few pairs at a time. */
  async *pairs(prefix: Buffer, limit = Infinity): AsyncGenerator<Pair, void, undefined> {
    this.mustBeOpen();
    const lt = firstKeyAfter(prefix);
    const range = { gte: prefix, limit, capacity: SCAN_CAPACITY, ...(lt === null ? {} : { lt }) };
    try {
      yield* this.db.iterator(range);
    } catch (cause) {
      throw storeErrorOf(`cannot scan ${this.folder}`, cause);
    }
  }

  /** @throws StoreUnavailableError */
  protected abstract mustBeOpen(): void;
}

/** The first key that is greater than every key starting with `prefix`; null where none is. */
function firstKeyAfter(prefix: Buffer): Buffer | null {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.readUInt8(i);
    if (byte === 0xff) continue;
    const next = Buffer.from(prefix.subarray(0, i + 1));
    next[i] = byte + 1;
    return next;
  }
  return null;
}
