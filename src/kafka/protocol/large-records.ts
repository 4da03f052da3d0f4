/**
 * The records of a large batch, while the batch is being decompressed. It gives some whole records at a time, in a
 * Buffer of their own, and keeps nothing of the rest of the batch but the piece that was decompressed last.
 */
import { MOST_MAX_BATCH_BYTES } from '../../setting-values.js';
import { decompressAside, memoryOf } from './compression.js';
import { atOnce } from './decompressed-bytes.js';
import { endOfRecord, MAX_VARINT_BYTES } from './record-bytes.js';

/**
 * A batch that decompresses to more bytes is large. By default, brokers accept batches of 1 MiB. This is also how many bytes
 * of a large batch are given at a time. A record with more bytes is huge, and is given alone.
 */
export const LARGE_BATCH_BYTES = 2 * 1024 * 1024;

/**
 * MAX_BATCH_BYTES is divided by this number. The result may be in memory at once: a fetched batch, a record of a large batch, a
 * zstd window, a snappy block. A record that keeps the limits of a company is far below it.
 */
const AT_ONCE_DIVISOR = 8;
/** Twice the 8 MiB of the largest batches of our topics, which a low MAX_BATCH_BYTES does not limit. */
const LEAST_MAX_FETCHED_BATCH_BYTES = 16 * 1024 * 1024;

/** The most bytes of a batch as brokers send it, because a fetched batch is in memory as a whole. */
export function maxFetchedBatchBytes(maxBatchBytes: number): number {
  return Math.max(LEAST_MAX_FETCHED_BATCH_BYTES, Math.floor(maxBatchBytes / AT_ONCE_DIVISOR));
}

/** What an operator must do so that batches of this many bytes can be fetched. */
export function howToFetch(batchBytes: number): string {
  const needed = batchBytes * AT_ONCE_DIVISOR;
  if (needed > MOST_MAX_BATCH_BYTES) return `no MAX_BATCH_BYTES allows it: its limit is ${MOST_MAX_BATCH_BYTES}`;
  return `restart the instances with MAX_BATCH_BYTES=${needed}`;
}

const NOTHING = Buffer.alloc(0);

export class LargeRecords {
  /** The unread bytes of the piece that was decompressed last. */
  #piece: Buffer = NOTHING;
  /** Bytes that were read, and belong to a record that is not whole yet. */
  #begun: Buffer = NOTHING;
  #atEnd = false;
  #hugeBytes = 0;

  readonly #pieces: AsyncGenerator<Buffer>;
  /** The most bytes that decompressing keeps in memory. */
  readonly #memory: number;
  readonly #maxAtOnce: number;

  /**
   * @param skip how many decompressed bytes at the start are not needed
   * @param maxBytes MAX_BATCH_BYTES
   * @throws DecompressionError; TooManyBytesError
   */
  constructor(
    codec: number,
    compressed: Buffer,
    private skip: number,
    maxBytes: number,
  ) {
    this.#maxAtOnce = Math.max(LARGE_BATCH_BYTES, Math.floor(maxBytes / AT_ONCE_DIVISOR));
    const limits = { maxBytes, maxAtOnce: this.#maxAtOnce };
    this.#memory = memoryOf(codec, compressed, limits) + LARGE_BATCH_BYTES;
    this.#pieces = decompressAside(codec, compressed, limits);
  }

  /** The most bytes that it keeps in memory, besides those that it has given. */
  get memoryBytes(): number {
    return this.#memory;
  }

  /** Whether more bytes follow after those that `next` has given. */
  get hasMore(): boolean {
    return !this.#atEnd || this.#begun.length > 0;
  }

  /** Bytes of the next record, if that record must be given alone; else 0. */
  get hugeBytes(): number {
    return this.#hugeBytes;
  }

  /**
   * The next whole records, or everything that is left if it is not a record. Null if the next record is huge: then call
   * `nextHuge` instead.
   * @throws RangeError if a record is too large; what decompressing throws
   */
  async next(): Promise<Buffer | null> {
    const bytes = await this.#read(LARGE_BATCH_BYTES);
    const first = this.#atEnd ? 0 : endOfRecord(bytes, 0);
    if (first > this.#maxAtOnce) throw new RangeError(atOnce(`a record of ${first} bytes`, this.#maxAtOnce));
    if (first > bytes.length) {
      this.#begun = bytes;
      this.#hugeBytes = first;
      return null;
    }
    const end = this.#atEnd ? bytes.length : endOfWhole(bytes);
    this.#begun = Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end);
  }

  /** The huge record that comes next. @throws what decompressing throws */
  async nextHuge(): Promise<Buffer> {
    const bytes = await this.#read(this.#hugeBytes);
    this.#hugeBytes = 0;
    return bytes;
  }

  /** Stops decompressing. Never throws. */
  close(): void {
    this.#piece = this.#begun = NOTHING;
    this.#pieces.return(undefined).catch(() => undefined);
  }

  /** Reads bytes, beginning with those of `#begun`: as many as wanted, or fewer at the end. Notes whether it is the end. */
  async #read(wanted: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(wanted);
    let length = this.#begun.copy(bytes);
    this.#begun = NOTHING;
    for (;;) {
      const copied = this.#piece.copy(bytes, length);
      length += copied;
      this.#piece = this.#piece.subarray(copied);
      if (this.#piece.length > 0) return bytes;
      const next = await this.#pieces.next();
      if (next.done === true) break;
      const skipped = Math.min(this.skip, next.value.length);
      this.skip -= skipped;
      this.#piece = next.value.subarray(skipped);
    }
    this.#atEnd = true;
    return bytes.subarray(0, length);
  }
}

/** Where the last whole record ends; the end of all bytes if the first record is none. */
function endOfWhole(bytes: Buffer): number {
  let end = 0;
  while (end + MAX_VARINT_BYTES <= bytes.length) {
    const next = endOfRecord(bytes, end);
    if (next <= end || next > bytes.length) break;
    end = next;
  }
  return end === 0 ? bytes.length : end;
}
