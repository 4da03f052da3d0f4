/** The buffer between the fetches of one partition and its user. */
import { End } from '../../lib/clock.js';
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import { ReaderClosedError, UnreadableBatchError } from '../../pipeline/errors.js';
import type { LogBatch, LogReader } from '../../pipeline/ports.js';
import type { FetchedPartition } from '../protocol/fetch-shared.js';
import { howToFetch, maxFetchedBatchBytes } from '../protocol/large-records.js';
import type { UnfetchedBatch } from './large-batch-end.js';
import type { LargeBatchHolder } from './large-batches.js';
import { FetchedRecords } from '../protocol/record-batch-decoder.js';
import { nameOf } from '../connection/leader-directory.js';
import { BrokenBatchError } from '../protocol/record-batch-header.js';
import type { ReadingTerms } from './reading-terms.js';

/** The events that a reader reports to its fetcher. Called synchronously; must not throw. */
export interface ReaderEvents {
  /** The reader has room for more records. */
  drained(): void;
  /** The reader needs no more records: it was closed, or has failed permanently. */
  ended(reader: PartitionReader): void;
}

interface Waiting {
  readonly maxRecords: number;
  /** Until it aborts, the reader gathers records. */
  readonly gathering: End;
  readonly resolve: (batch: LogBatch) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Reads one partition, beginning at a position. Fetched batches wait here undecoded. `next` decodes at most as many
 * records as its caller wants. Only one `next` may be pending.
 *
 * Its memory is bounded: it asks for more only while it holds less than half of what one fetch may give. So its memory
 * does not grow with the lag, and the next fetch is in flight while the rest is processed. One batch at a time is
 * decompressed, and a large batch only in its turn (`LargeBatches`). The result of `next` is limited by decompressed
 * bytes, so that work and memory do not depend on how well records are compressed.
 */
export class PartitionReader implements LogReader, LargeBatchHolder {
  readonly #fetched: FetchedRecords[] = [];
  /** Memory of records that the last `next` returned, from fetches that were read completely. */
  readonly #lent: Buffer[] = [];
  /** Bytes of a huge record that was returned by the last `next`. */
  #lentHuge = 0;
  /** The offset at which the next `next` starts. Moved by `#take`. */
  #position: number;
  /** The offset at which the next fetch starts. Moved by `receive`. */
  #fetchOffset: number;
  /** The last stable offset at the latest fetch. Moved by `receive`. */
  #endOffset: number;
  /** The epoch of the leader that gave the records read last. Moved by `#take`. */
  #leaderEpoch = -1;
  #waiting: Waiting | null = null;
  /** Why no more records will be fetched. Thrown after all records before the failure have been read. */
  #failure: Error | null = null;
  /** A large batch is being opened, or waits for its turn. */
  #opening = false;

  /** @param from the offset of the first record wanted */
  constructor(
    readonly partition: TopicPartition,
    from: number,
    private readonly events: ReaderEvents,
    private readonly terms: ReadingTerms,
  ) {
    this.#position = from;
    this.#fetchOffset = from;
    this.#endOffset = from;
  }

  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  get wantsMore(): boolean {
    if (this.#failure !== null) return false;
    let buffered = 0;
    for (const fetched of this.#fetched) buffered += fetched.remainingBytes;
    return buffered < this.terms.maxPartitionBytes / 2;
  }

  next(maxRecords: number, gatherMs = 0): Promise<LogBatch> {
    if (this.#waiting !== null) return Promise.reject(new Error('only one call of next() may be pending'));
    this.#takeBack();
    return new Promise((resolve, reject) => {
      const gathering = new End();
      this.#waiting = { maxRecords, gathering, resolve, reject };
      if (gatherMs > 0) void this.#gather(gathering, gatherMs);
      else gathering.abort();
      this.#deliver();
    });
  }

  /**
   * Ends the reader, because its leader wants to send more than a batch may have, so the batch is not read.
   * @param batch null if its end is unknown
   */
  tooLarge(cause: Error, batch: UnfetchedBatch | null): void {
    const [firstOffset, most] = [this.#fetchOffset, maxFetchedBatchBytes(this.terms.maxBatchBytes)];
    if (batch === null) {
      const unknown = { firstOffset, nextOffset: null, why: cause.message };
      return this.fail(new UnreadableBatchError(this.partition, unknown, tooLargeRemedy(most), { cause }));
    }
    const { nextOffset, bytes } = batch;
    const why = `it has ${bytes} bytes, and a fetched batch may have ${most}`;
    const remedy = `If this batch is right, ${howToFetch(bytes)}. ${this.terms.remedy(this.partition, nextOffset)}`;
    this.fail(new UnreadableBatchError(this.partition, { firstOffset, nextOffset, why }, remedy, { cause }));
  }

  close(): void {
    this.fail(new ReaderClosedError(`the reader of ${nameOf(this.partition)} is closed`));
  }

  /**
   * Takes the result of a fetch from `fetchOffset`.
   * @param askedFirst this partition was the first of its fetch: it would have got records if there are any (KIP-74)
   * @param leaderEpoch the epoch of the leader that answered; its log has all records that were fetched before
   * @returns whether there is more to fetch now
   */
  receive(answer: FetchedPartition, askedFirst: boolean, leaderEpoch: number): boolean {
    if (this.#failure !== null) return false;
    this.#endOffset = answer.lastStableOffset;
    const { kind, memory, maxBatchBytes } = this.terms;
    const nothingLeft = kind === 'compacted' && askedFirst && answer.records.length === 0;
    const from = nothingLeft ? Math.max(this.#fetchOffset, answer.lastStableOffset) : this.#fetchOffset;
    const records = memory?.copyOf(answer.records) ?? detached(answer.records);
    // The end is no limit in a compacted log, which has gaps.
    const stableEnd = kind === 'uncompacted' ? answer.lastStableOffset : Infinity;
    const fetched = new FetchedRecords(
      ...([records, answer.abortedTransactions, from, maxBatchBytes, leaderEpoch, stableEnd] as const),
    );
    const moved = fetched.end > this.#fetchOffset;
    if (moved) {
      this.#fetched.push(fetched);
      this.#fetchOffset = fetched.end;
    }
    if (fetched.broken !== null) this.fail(this.#unreadable(fetched.broken));
    this.#deliver();
    return moved && this.#fetchOffset < this.#endOffset;
  }

  /**
   * Ends the reader permanently. The first failure counts, but closing always counts, and drops the buffered records.
   */
  fail(error: Error): void {
    const closing = error instanceof ReaderClosedError;
    if (this.#failure !== null && !closing) return;
    this.#failure = error;
    if (closing) this.#dropFetched();
    this.events.ended(this);
    this.#deliver();
  }

  closeLarge(): number {
    this.#fetched[0]?.closeLarge();
    return this.#lentHuge;
  }

  /** The records that were returned last are not used any more. */
  #takeBack(): void {
    for (const bytes of this.#lent) this.terms.memory?.giveBack(bytes);
    this.#lent.length = 0;
    if (this.#lentHuge === 0) return;
    this.#lentHuge = 0;
    if (this.#fetched[0] !== undefined) this.#fetched[0].hugeBytes = 0;
    this.#noteLarge(this.#fetched[0]);
  }

  #noteLarge(fetched: FetchedRecords | undefined): void {
    this.terms.large.used(this, (fetched?.largeBytes ?? 0) + this.#lentHuge, this.#lentHuge > 0);
  }

  #dropFetched(): void {
    this.#fetched[0]?.closeLarge();
    this.#fetched.length = 0;
    this.terms.large.release(this);
  }

  /** Never rejects. */
  async #gather(gathering: End, ms: number): Promise<void> {
    await this.terms.clock.delay(ms, gathering);
    gathering.abort();
    this.#deliver();
  }

  /** Whether more records would not fit, or the log had more at the last fetch. */
  #isBehind(maxRecords: number): boolean {
    const gathered = this.#fetchOffset - this.#position;
    return !this.wantsMore || this.#fetchOffset < this.#endOffset || gathered >= maxRecords;
  }

  /** Settles the pending `next`, if there are records, progress or a failure. */
  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    if (!waiting.gathering.aborted) {
      if (!this.#isBehind(waiting.maxRecords)) return;
      waiting.gathering.abort();
    }
    const before = this.#position;
    const records = this.#take(waiting.maxRecords);
    if (records.length > 0 || this.#position > before) {
      this.#waiting = null;
      const [nextOffset, endOffset, leaderEpoch] = [this.#position, this.#endOffset, this.#leaderEpoch];
      waiting.resolve({ records, nextOffset, endOffset, leaderEpoch });
      this.events.drained();
    } else if (this.#fetched[0]?.needsLarge === true) void this.#openLarge(this.#fetched[0]);
    else if (this.#failure !== null) {
      this.#waiting = null;
      waiting.reject(this.#failure);
    }
  }

  /** Decodes buffered records up to a limit. Passes over batches without records to deliver. */
  #take(maxRecords: number): LogRecord[] {
    const records: LogRecord[] = [];
    let left = (this.terms.maxPartitionBytes * 3) / 2;
    // Records below the position also count as bytes read, but are not delivered. The caller must still get at least
    // one record.
    const enough = () => records.length >= maxRecords || (left <= 0 && records.length > 0);
    for (let first; (first = this.#fetched[0]) !== undefined && !enough();) {
      // Before the read: a broken batch after good records ends it, and their offset is committed with this epoch.
      this.#leaderEpoch = first.leaderEpoch;
      try {
        left -= first.read(records, maxRecords, Math.max(left, 1));
      } catch (error) {
        this.#broken(error);
      }
      this.#position = Math.max(this.#position, first.position);
      if (this.#fetched.length === 0) break;
      this.#lentHuge = Math.max(this.#lentHuge, first.hugeBytes);
      this.#noteLarge(first);
      if (first.needsLarge) break;
      if (!first.exhausted) continue;
      this.#fetched.shift();
      if (this.terms.memory !== null) this.#lent.push(first.bytes);
    }
    return records;
  }

  /** Never rejects. */
  async #openLarge(fetched: FetchedRecords): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    try {
      await this.terms.large.open(this, () => fetched.openLarge(), fetched.needsHuge);
    } catch (error) {
      this.#broken(error);
    }
    this.#opening = false;
    // If the reader was closed meanwhile, the opened batch is not needed.
    if (this.#fetched[0] !== fetched) {
      fetched.closeLarge();
      this.terms.large.release(this);
    }
    this.#deliver();
  }

  /** Notes a failure in a batch. The records before it are delivered first, and the failure with the next call. */
  #broken(error: unknown): void {
    if (this.#failure instanceof ReaderClosedError) return;
    // This batch comes before the place of any failure noted so far.
    this.#failure = error instanceof BrokenBatchError ? this.#unreadable(error) : (error as Error);
    this.#dropFetched();
    this.events.ended(this);
  }

  #unreadable(broken: BrokenBatchError): UnreadableBatchError {
    const { firstOffset, nextOffset, why } = broken;
    const remedy = nextOffset === null ? UNKNOWN_END : this.terms.remedy(this.partition, nextOffset);
    return new UnreadableBatchError(this.partition, { firstOffset, nextOffset, why }, remedy, { cause: broken });
  }
}

/** For a batch whose end is unknown: any offset to skip to would be a guess. */
const UNKNOWN_END =
  'The end of this batch is unknown, because its leader gives no intact batch after it. Make another replica the leader ' +
  'of the partition: its copy may be intact. Or wait until more records were written, and look again';

function tooLargeRemedy(mostBytes: number): string {
  return (
    `A fetched batch may have ${mostBytes} bytes. If this batch is right, restart the instances with eight times its bytes as ` +
    'MAX_BATCH_BYTES. Otherwise its leader is at fault: make another replica the leader of the partition'
  );
}

/** Copies records that are a small part of an answer. Otherwise a slow reader would keep the whole answer in memory. */
function detached(records: Buffer): Buffer {
  return records.length * 2 < records.buffer.byteLength ? Buffer.from(records) : records;
}
