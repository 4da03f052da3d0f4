/**
 * Decodes committed records from record batches of magic 2 (KIP-98), a few at a time.
 *
 * This is a hot path, with up to a million records a second. It decodes only records that the caller asks for. It
 * creates no objects except the records, with slices for key and value. It verifies the checksum of a batch before it
 * uses any field.
 */
import type { LogRecord } from '../../lib/record.js';
import { decompress, TooManyBytesError, workOf } from './compression.js';
import type { AbortedTransaction } from './fetch-shared.js';
import { brokenBatch, extentOf, headerAt, type BatchHeader, type BrokenBatchError } from './record-batch-header.js';
import { LARGE_BATCH_BYTES, LargeRecords } from './large-records.js';
import { HugeHeadersError, RecordBytes } from './record-bytes.js';

const NO_PRODUCER_ID = -1n;
const CONTROL_TYPE_ABORT = 0;
const CONTROL_KEY_BYTES = 4;
/**
 * A batch whose decompression moves or fills more bytes than this counts as large too. 2 MiB of zstd need half of it.
 */
export const LARGE_WORK_BYTES = 64 * 1024 * 1024;
/** Moving or filling this many bytes counts as reading one byte, so a read of many small batches has a bound. */
const WORK_PER_BYTE_READ = LARGE_WORK_BYTES / LARGE_BATCH_BYTES;

/** The default of MAX_BATCH_BYTES, far above the batches of any sensible producer. */
export const USUAL_MAX_BATCH_BYTES = 256 * 1024 * 1024;

/**
 * The records of one partition in the answer to one fetch. They are decoded when they are read.
 *
 * It filters as the Java client does (org.apache.kafka.clients.consumer.internals.CompletedFetch). Before each batch,
 * the aborted transactions that began at or below its last offset come into force. The abort marker of a producer ends
 * its transaction. While an aborted transaction is in force, the batches of its producer are skipped. All markers are
 * skipped too.
 */
export class FetchedRecords {
  /** The offset after the last whole batch. The next fetch starts there. */
  readonly end: number;
  /** The fault of the batch after the last one that can be read; null if no batch is faulty. */
  readonly broken: BrokenBatchError | null;
  /** Where the whole batches in `bytes` end. A batch that is cut off at the end does not count. */
  readonly #length: number;

  #at: number;
  #position: number;
  /** Sorted by first offset. Transactions before `#nextAborted` have come into force. */
  readonly #aborted: readonly AbortedTransaction[];
  #nextAborted = 0;
  readonly #abortedProducers = new Set<bigint>();

  /** The current batch, and how many of its records are left. Null if no batch is being read. */
  #batch: BatchHeader | null = null;
  #left = 0;
  /** The lowest offset that its next record can have. */
  #least = 0;
  /** The records of the current batch; if it is large, some of them, and null while the next ones are not decompressed. */
  #records: RecordBytes | null = null;
  /** The current batch, if it is large and open. */
  #large: LargeRecords | null = null;
  /** The memory that the headers of the next record will take, if it is huge because of them. */
  #hugeHeaders = 0;
  /** Bytes of the huge record that was read last. Set it to 0 when that record is not used any more. */
  hugeBytes = 0;
  /** Where `#records` begins in the current batch, for when a large batch is opened again. */
  #resumeAt = 0;
  /** Bytes that opening batches counts as, until a read has counted them. */
  #openingBytes = 0;

  /**
   * @param bytes record batches. They are kept, and the records share their memory
   * @param aborted as the broker lists them, in any order
   * @param from records below this offset are dropped
   * @param maxBatchBytes a batch that decompresses to more bytes counts as broken
   * @param leaderEpoch the epoch of the leader that answered; -1 if it is unknown
   * @param stableEnd for a log without gaps: about where it ends. Infinity for a log with gaps
   */
  constructor(
    readonly bytes: Buffer,
    aborted: readonly AbortedTransaction[],
    private readonly from: number,
    private readonly maxBatchBytes = USUAL_MAX_BATCH_BYTES,
    readonly leaderEpoch = -1,
    stableEnd = Infinity,
  ) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#position = from;
    const { start, length, end, broken } = extentOf(bytes, from, stableEnd);
    this.#at = start;
    this.#length = length;
    this.end = Math.max(from, end);
    this.broken = broken;
  }

  /** The offset after the last record or batch that was read or skipped; `end` after everything was read. */
  get position(): number {
    return this.#position;
  }

  get exhausted(): boolean {
    return this.#batch === null && this.#at >= this.#length;
  }

  /** Bytes that were not read yet. A compressed batch counts until its last record was read. */
  get remainingBytes(): number {
    return Math.max(0, this.#length - this.#at);
  }

  /** The next records are in a large batch, and not decompressed, or the next one is huge. Call `openLarge` before `read`. */
  get needsLarge(): boolean {
    return this.#batch !== null && (this.#records === null || this.#hugeHeaders > 0);
  }

  /** The next record is huge: call `openLarge` while no other huge record is in memory. */
  get needsHuge(): boolean {
    return this.#hugeHeaders > 0 || (this.#large?.hugeBytes ?? 0) > 0;
  }

  /** Bytes of the open large batch; 0 if none is open. */
  get largeBytes(): number {
    return this.#large === null ? 0 : this.#large.memoryBytes + (this.#records?.bytes.length ?? 0);
  }

  /**
   * Appends records to `into` until a limit is reached, a large batch must be opened, or everything was read. Moves
   * `position`.
   * @param maxRecords the most records that the list may have
   * @param maxBytes limits the bytes read, plus the memory of the headers, plus the work of opening batches. At least one
   *   record is read
   * @returns how many bytes, counted in this way, were read
   * @throws BrokenBatchError; the records before the broken one are in `into`
   */
  read(into: LogRecord[], maxRecords: number, maxBytes = Infinity): number {
    let bytes = 0;
    while (into.length < maxRecords && (bytes === 0 || bytes < maxBytes) && !this.exhausted) {
      const batch = this.#batch ?? this.#nextBatch();
      if (batch === null) continue;
      bytes += this.#openingBytes;
      this.#openingBytes = 0;
      try {
        if (this.needsLarge) return bytes;
        bytes += this.#readRecords(batch, into, maxRecords, Math.max(0, maxBytes - bytes));
      } catch (cause) {
        if (!(cause instanceof HugeHeadersError)) throw brokenBatch(batch, cause);
        this.#hugeHeaders = cause.bytes;
        return bytes;
      }
      if (this.#left === 0) this.#closeBatch(batch);
    }
    return bytes;
  }

  /**
   * Decompresses the next records of the large batch. If the next record turns out to be huge, it only sets `needsHuge`, and
   * a second call decompresses that record. If the batch is closed meanwhile, it changes nothing.
   * @returns how many bytes the batch takes now
   * @throws BrokenBatchError
   */
  async openLarge(): Promise<number> {
    const batch = this.#batch;
    if (batch === null || !this.needsLarge) return 0;
    if (this.#hugeHeaders > 0 && this.#records !== null) {
      this.#records.maxHeaderMemory = this.hugeBytes = this.#hugeHeaders;
      this.#hugeHeaders = 0;
      return this.largeBytes + this.hugeBytes;
    }
    try {
      const compressed = this.#compressed(batch);
      const large = (this.#large ??= new LargeRecords(batch.codec, compressed, this.#resumeAt, this.maxBatchBytes));
      this.hugeBytes = large.hugeBytes;
      const bytes = await (large.hugeBytes > 0 ? large.nextHuge() : large.next());
      if (bytes !== null && large === this.#large) this.#records = new RecordBytes(bytes, 0, bytes.length);
      return this.largeBytes;
    } catch (cause) {
      throw brokenBatch(batch, cause);
    }
  }

  /** Frees the memory of the open large batch. The batch must be opened again before its next records are read. */
  closeLarge(): void {
    if (this.#large === null) return;
    this.#resumeAt += this.#records?.at ?? 0;
    this.#hugeHeaders = 0;
    this.#dropLarge();
  }

  #dropLarge(): void {
    this.#large?.close();
    this.#large = this.#records = null;
  }

  /** Makes the batch at `#at` the current one. If that batch has no records to deliver, skips it and returns null. */
  #nextBatch(): BatchHeader | null {
    const batch = headerAt(this.bytes, this.#at);
    if (!this.#isDelivered(batch) || batch.lastOffset < this.from) {
      this.#pass(batch);
      return null;
    }
    try {
      if (batch.count < 0) throw new RangeError(`it claims to hold ${batch.count} records`);
      this.#records = this.#open(batch);
    } catch (cause) {
      throw brokenBatch(batch, cause);
    }
    this.#left = batch.count;
    this.#least = batch.baseOffset;
    this.#resumeAt = 0;
    this.#batch = batch;
    return batch;
  }

  /** The records of a batch; null if it is large. */
  #open(batch: BatchHeader): RecordBytes | null {
    if (batch.codec === 0) return new RecordBytes(this.bytes, batch.recordsAt, batch.end);
    const compressed = this.#compressed(batch);
    const maxBytes = Math.min(LARGE_BATCH_BYTES, this.maxBatchBytes);
    try {
      const work = workOf(batch.codec, compressed, this.maxBatchBytes, LARGE_WORK_BYTES + 1);
      if (work > LARGE_WORK_BYTES) throw new TooManyBytesError(`opening it moves ${LARGE_WORK_BYTES} bytes or more`);
      this.#openingBytes += Math.ceil(work / WORK_PER_BYTE_READ);
      const bytes = decompress(batch.codec, compressed, maxBytes);
      return new RecordBytes(bytes, 0, bytes.length);
    } catch (error) {
      if (!(error instanceof TooManyBytesError) || this.maxBatchBytes <= LARGE_BATCH_BYTES) throw error;
      return null;
    }
  }

  #compressed({ recordsAt, end }: BatchHeader): Buffer {
    return this.bytes.subarray(recordsAt, end);
  }

  #isDelivered(batch: BatchHeader): boolean {
    const { control, producerId, lastOffset } = batch;
    if (producerId === NO_PRODUCER_ID) return !control;
    for (let next; (next = this.#aborted[this.#nextAborted]) && next.firstOffset <= lastOffset; this.#nextAborted++)
      this.#abortedProducers.add(next.producerId);
    if (control) {
      if (isAbortMarker(this.bytes, batch)) this.#abortedProducers.delete(producerId);
      return false;
    }
    return !batch.transactional || !this.#abortedProducers.has(producerId);
  }

  #closeBatch(batch: BatchHeader): void {
    const records = this.#records;
    if (records !== null && (records.at !== records.end || this.#large?.hasMore === true))
      throw brokenBatch(batch, new RangeError(`bytes are left after its ${batch.count} records`));
    this.#batch = null;
    this.#dropLarge();
    this.#pass(batch);
  }

  #pass({ end, lastOffset }: BatchHeader): void {
    this.#at = end;
    this.#position = Math.max(this.#position, lastOffset + 1);
  }

  #readRecords(batch: BatchHeader, into: LogRecord[], maxRecords: number, maxBytes: number): number {
    const records = this.#records!;
    const before = records.at + records.headerMemory;
    const last = before + Math.max(1, maxBytes);
    while (
      this.#left > 0 &&
      into.length < maxRecords &&
      records.at < records.end &&
      records.at + records.headerMemory < last
    ) {
      const record = records.next(batch, this.from, this.#least);
      this.#left--;
      if (record === null) continue;
      into.push(record);
      this.#least = this.#position = record.offset + 1;
    }
    if (this.#left > 0 && records.at >= records.end) this.#passPortion(batch, records);
    if (records.bytes === this.bytes) this.#at = records.at;
    return records.at + records.headerMemory - before;
  }

  /** All records that are decompressed were read, and the batch has more. */
  #passPortion(batch: BatchHeader, records: RecordBytes): void {
    if (this.#large?.hasMore !== true)
      throw new RangeError(`it claims to hold ${batch.count} records, and has ${this.#left} fewer`);
    this.#resumeAt += records.end;
    this.#records = null;
  }
}

/** The key of a marker's single record has its version and its type. Compaction may have removed the record. */
function isAbortMarker(bytes: Buffer, batch: BatchHeader): boolean {
  if (batch.count === 0) return false;
  try {
    const key = new RecordBytes(bytes, batch.recordsAt, batch.end).next(batch, 0, batch.baseOffset)?.key;
    if (key == null || key.length < CONTROL_KEY_BYTES) throw new RangeError('the transaction marker has no type');
    return key.readInt16BE(2) === CONTROL_TYPE_ABORT;
  } catch (cause) {
    throw brokenBatch(batch, cause);
  }
}
