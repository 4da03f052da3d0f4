/** Reads from a RocksDB, or from a snapshot of one. */
import type RocksDB from 'rocksdb';
import type { Range } from 'rocksdb';
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

  scan(prefix: Buffer, limit = Infinity): Promise<Pair[]> {
    return collected(this.pairs(prefix, limit));
  }

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    const from = after === null ? { gte: prefix } : { gt: after };
    return collected(this.#pairs(prefix, { ...from, limit, capacity: limit }));
  }

  /** As `scan`, but keeps only a few pairs in memory at a time. */
  pairs(prefix: Buffer, limit = Infinity): AsyncGenerator<Pair, void, undefined> {
    return this.#pairs(prefix, { gte: prefix, limit, capacity: SCAN_CAPACITY });
  }

  async *#pairs(prefix: Buffer, from: Range): AsyncGenerator<Pair, void, undefined> {
    this.mustBeOpen();
    const lt = firstKeyAfter(prefix);
    const range = lt === null ? from : { ...from, lt };
    try {
      yield* this.db.iterator(range);
    } catch (cause) {
      throw storeErrorOf(`cannot scan ${this.folder}`, cause);
    }
  }

  /** @throws StoreUnavailableError */
  protected abstract mustBeOpen(): void;
}

/**
 * The returned pairs are copies that share blocks of memory. The binding allocates memory outside the heap for each key
 * and value: about 450 bytes. The garbage collector does not know about it, and frees it late.
 */
async function collected(pairs: AsyncIterable<Pair>): Promise<Pair[]> {
  const all: Pair[] = [];
  for await (const { key, value } of pairs) all.push({ key: Buffer.from(key), value: Buffer.from(value) });
  return all;
}

/** The first key that is greater than every key starting with `prefix`; null if no such key exists. */
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
