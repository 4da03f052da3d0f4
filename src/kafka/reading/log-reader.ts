/** The buffer between the fetches of one partition and the one who reads it. */
import type { LogRecord, TopicPartition } from '../../lib/record.js';
import { ReaderClosedError, UnreadableBatchError } from '../../pipeline/errors.js';
import type { LogBatch, LogReader } from '../../pipeline/ports.js';
import type { FetchedPartition } from '../protocol/fetch-protocol.js';
import type { LargeBatches, LargeBatchHolder } from './large-batches.js';
import { FetchedRecords } from '../protocol/record-batch-decoder.js';
import { BrokenBatchError } from '../protocol/record-batch-header.js';
import type { RecordMemory } from './record-memory.js';

/** What a reader tells the one who fetches for it. Called synchronously; must not throw. */
export interface ReaderEvents {
  /** The reader takes more records than it did a moment ago. */
  drained(): void;
  /** The reader needs nothing any more: closed, or failed for good. */
  ended(reader: PartitionReader): void;
}

/**
 * `compacted`: the log may end in offsets whose records are all gone, the batches that held them included. A fetch there
 * gives nothing, and always will. Of a `whole` log, whose records may be in remote storage, nothing means "not yet".
 */
export type LogKind = 'whole' | 'compacted';

/** What all readers of some logs have in common. */
export interface ReadingTerms {
  readonly kind: LogKind;
  /** What one fetch may give; one `next` gives 1.5 times as much, as a reader without compression holds. */
  readonly maxPartitionBytes: number;
  /** A batch that decompresses to more cannot be read. */
  readonly maxBatchBytes: number;
  /** What to do about a batch that cannot be read, in addition to raising MAX_BATCH_BYTES. */
  readonly remedy: (at: TopicPartition, nextOffset: number) => string;
  /** Of all readers of the process. */
  readonly large: LargeBatches;
  /** Where the records lie; they are good until the next call of `next`. If null, as long as they are held. */
  readonly memory: RecordMemory | null;
}

interface Waiting {
  readonly maxRecords: number;
  readonly resolve: (batch: LogBatch) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Reads one partition from a position on. Fetched batches wait here undecoded; `next` decodes as many records as asked
 * for. At most one `next` at a time.
 *
 * Bounded: it asks for more only while less than half of what one fetch may give is left, so that what it holds does
 * not grow with the lag, and the next fetch is under way while the rest is being worked on. Of what is compressed, one
 * batch at a time is decompressed, and a large one only in its turn (`LargeBatches`). What `next` gives is bounded by its
 * decompressed bytes, so that work and memory do not grow with how well records are compressed.
 */
export class PartitionReader implements LogReader, LargeBatchHolder {
  readonly #fetched: FetchedRecords[] = [];
  /** Where the records lie that were read since the last `next` began, of fetches read to their ends. */
  readonly #lent: Buffer[] = [];
  /** Where the next `next` starts. Moved by `#take`. */
  #position: number;
  /** Where the next fetch starts. Moved by `receive`. */
  #fetchOffset: number;
  /** The last stable offset at the latest fetch. Moved by `receive`. */
  #endOffset: number;
  /** Of the leader that what was read last came from. Moved by `#take`. */
  #leaderEpoch = -1;
  #waiting: Waiting | null = null;
  /** Why nothing more will be fetched; told once all that came before it has been read. */
  #failure: Error | null = null;
  /** A large batch is being opened, or waits for its turn. */
  #opening = false;

  /** @param from offset of the first record wanted */
  constructor(
    readonly at: TopicPartition,
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

  next(maxRecords: number): Promise<LogBatch> {
    if (this.#waiting !== null) return Promise.reject(new Error('the reader is being waited for already'));
    for (const bytes of this.#lent) this.terms.memory?.giveBack(bytes);
    this.#lent.length = 0;
    return new Promise((resolve, reject) => {
      this.#waiting = { maxRecords, resolve, reject };
      this.#deliver();
    });
  }

  close(): void {
    this.fail(new ReaderClosedError(`the reader of ${this.at.topic}/${this.at.partition} is closed`));
  }

  /**
   * Takes what a fetch from `fetchOffset` gave.
   * @param askedFirst it was the first of its fetch: it would have got records where there are any (KIP-74)
   * @param leaderEpoch of the leader that gave it, whose log has all that was fetched before
   * @returns whether there is more to fetch right now
   */
  receive(answer: FetchedPartition, askedFirst: boolean, leaderEpoch: number): boolean {
    if (this.#failure !== null) return false;
    this.#endOffset = answer.lastStableOffset;
    const { kind, memory, maxBatchBytes } = this.terms;
    const nothingLeft = kind === 'compacted' && askedFirst && answer.records.length === 0;
    const from = nothingLeft ? Math.max(this.#fetchOffset, answer.lastStableOffset) : this.#fetchOffset;
    const records = memory?.copyOf(answer.records) ?? detached(answer.records);
    // Compaction leaves gaps.
    const stableEnd = kind === 'whole' ? answer.lastStableOffset : Infinity;
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

  /** Ends the reader for good. The first failure counts, but closing always does: what is buffered is dropped then. */
  fail(error: Error): void {
    const closing = error instanceof ReaderClosedError;
    if (this.#failure !== null && !closing) return;
    this.#failure = error;
    if (closing) this.#dropFetched();
    this.events.ended(this);
    this.#deliver();
  }

  closeLarge(): void {
    this.#fetched[0]?.closeLarge();
  }

  #dropFetched(): void {
    this.#fetched.length = 0;
    this.terms.large.release(this);
  }

  /** Answers the one waiting, if there is something to say. */
  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
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

  /** Decodes buffered records up to a limit, and passes what delivers none on the way. */
  #take(maxRecords: number): LogRecord[] {
    const records: LogRecord[] = [];
    let left = (this.terms.maxPartitionBytes * 3) / 2;
    // Records below the position take bytes too but give nothing: the caller must get records anyway.
    const enough = () => records.length >= maxRecords || (left <= 0 && records.length > 0);
    for (let first; (first = this.#fetched[0]) !== undefined && !enough();) {
      try {
        left -= first.read(records, maxRecords, Math.max(left, 1));
      } catch (error) {
        this.#broken(error);
      }
      this.#position = Math.max(this.#position, first.position);
      if (this.#fetched.length === 0) break;
      this.#leaderEpoch = first.leaderEpoch;
      this.terms.large.used(this, first.largeBytes);
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
      await this.terms.large.open(this, () => fetched.openLarge());
    } catch (error) {
      this.#broken(error);
    }
    this.#opening = false;
    // Closed meanwhile: nobody reads what was opened.
    if (this.#fetched[0] !== fetched) this.terms.large.release(this);
    this.#deliver();
  }

  /** What was read before it is good: that goes out first, the failure with the next call. */
  #broken(error: unknown): void {
    if (this.#failure instanceof ReaderClosedError) return;
    // It lies before whatever has failed already.
    this.#failure = error instanceof BrokenBatchError ? this.#unreadable(error) : (error as Error);
    this.#dropFetched();
    this.events.ended(this);
  }

  #unreadable(broken: BrokenBatchError): UnreadableBatchError {
    const { firstOffset, nextOffset, why } = broken;
    const remedy = nextOffset === null ? UNKNOWN_END : this.terms.remedy(this.at, nextOffset);
    return new UnreadableBatchError(this.at, { firstOffset, nextOffset, why }, remedy, { cause: broken });
  }
}

/** What is after a batch is not known: any offset to skip to would be a guess. */
const UNKNOWN_END =
  'Where it ends is not known, because no sound batch follows in what its leader gives. Have another replica lead the ' +
  'partition: its copy may be sound. Or wait until more records were written after it, and look again';

/** A slow reader must not keep the records of all the others in memory: what is a small part of an answer is copied. */
function detached(records: Buffer): Buffer {
  return records.length * 2 < records.buffer.byteLength ? Buffer.from(records) : records;
}
