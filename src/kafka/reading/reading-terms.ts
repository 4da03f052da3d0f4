/** The options of readers of partitions. */
import type { Clock } from '../../lib/clock.js';
import type { TopicPartition } from '../../lib/record.js';
import type { LargeBatches } from './large-batches.js';
import type { RecordMemory } from './record-memory.js';

/**
 * `compacted`: the last offsets of the log may have no records and no batches any more. A fetch of these offsets never
 * returns anything. In an `uncompacted` log, records may be in remote storage, and a fetch without records means "not
 * yet".
 */
export type LogKind = 'uncompacted' | 'compacted';

/** The options that all readers of one `Logs` share. */
export interface ReadingTerms {
  readonly kind: LogKind;
  /**
   * The most bytes that one fetch returns. One `next` returns up to 1.5 times as many: as much as a reader holds
   * uncompressed.
   */
  readonly maxPartitionBytes: number;
  /** A batch that decompresses to more bytes cannot be read. */
  readonly maxBatchBytes: number;
  /** Returns what to do about a batch that cannot be read, other than raising MAX_BATCH_BYTES. */
  readonly remedy: (partition: TopicPartition, nextOffset: number) => string;
  /** Shared by all readers of the process. */
  readonly large: LargeBatches;
  /**
   * The memory of the records, which are valid until the next call of `next`. If null, records stay valid for as long
   * as the caller keeps them.
   */
  readonly memory: RecordMemory | null;
  readonly clock: Clock;
}
