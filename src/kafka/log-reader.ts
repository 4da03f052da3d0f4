/** The buffer between the fetches of one partition and the one who reads it. */
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { ReaderClosedError } from '../pipeline/errors.js';
import type { LogBatch, LogReader } from '../pipeline/ports.js';
import type { FetchedPartition } from './fetch-protocol.js';
import { FetchedRecords } from './record-batch-decoder.js';
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
 * gives nothing, and always will. Of a `whole` log, whose records may lie in remote storage, nothing means "not yet".
 */
export type LogKind = 'whole' | 'compacted';

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
 * not grow with the lag, and the next fetch is under way while the rest is being worked on.
 */
export class PartitionReader implements LogReader {
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

  /**
   * @param from offset of the first record wanted
   * @param maxPartitionBytes what one fetch may give
   * @param memory where its records lie; they are good until the next call of `next`. Without it as long as they are held
   */
  constructor(
    readonly at: TopicPartition,
    from: number,
    private readonly maxPartitionBytes: number,
    private readonly events: ReaderEvents,
    private readonly kind: LogKind,
    private readonly memory: RecordMemory | null = null,
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
    return buffered < this.maxPartitionBytes / 2;
  }

  next(maxRecords: number): Promise<LogBatch> {
    if (this.#waiting !== null) return Promise.reject(new Error('the reader is being waited for already'));
    for (const bytes of this.#lent) this.memory?.giveBack(bytes);
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
    const nothingLeft = this.kind === 'compacted' && askedFirst && answer.records.length === 0;
    const from = nothingLeft ? Math.max(this.#fetchOffset, answer.lastStableOffset) : this.#fetchOffset;
    let moved = false;
    try {
      const records = this.memory?.copyOf(answer.records) ?? detached(answer.records);
      const fetched = new FetchedRecords(records, answer.abortedTransactions, from, leaderEpoch);
      if (fetched.end > this.#fetchOffset) {
        this.#fetched.push(fetched);
        this.#fetchOffset = fetched.end;
        moved = true;
      }
    } catch (error) {
      this.fail(error as Error);
    }
    this.#deliver();
    return moved && this.#fetchOffset < this.#endOffset;
  }

  /** Ends the reader for good. The first failure counts, but closing always does: what is buffered is dropped then. */
  fail(error: Error): void {
    const closing = error instanceof ReaderClosedError;
    if (this.#failure !== null && !closing) return;
    this.#failure = error;
    if (closing) this.#fetched.length = 0;
    this.events.ended(this);
    this.#deliver();
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
    } else if (this.#failure !== null) {
      this.#waiting = null;
      waiting.reject(this.#failure);
    }
  }

  /** Decodes up to `maxRecords` buffered records, and passes what delivers none on the way. */
  #take(maxRecords: number): LogRecord[] {
    const records: LogRecord[] = [];
    for (let first; (first = this.#fetched[0]) !== undefined && records.length < maxRecords;) {
      try {
        first.read(records, maxRecords);
      } catch (error) {
        // What was read before it is good: that goes out first, the failure with the next call.
        this.#fetched.length = 0;
        this.#failure ??= error as Error;
        this.events.ended(this);
      }
      this.#position = Math.max(this.#position, first.position);
      this.#leaderEpoch = first.leaderEpoch;
      if (first.exhausted) {
        this.#fetched.shift();
        if (this.memory !== null) this.#lent.push(first.bytes);
      }
    }
    return records;
  }
}

/** A slow reader must not keep the records of all the others in memory: what is a small part of an answer is copied. */
function detached(records: Buffer): Buffer {
  return records.length * 2 < records.buffer.byteLength ? Buffer.from(records) : records;
}
