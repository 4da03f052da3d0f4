/** One batch: what has been fetched when it begins, decoded and decided, as much of it as one transaction takes. */
import type { Decoded } from '../decode/poison.js';
import type { LogRecord } from '../lib/record.js';
import type { BatchDecisions } from './decide.js';
import type { LogBatch, LogReader } from './ports.js';

/** Records of one batch, and so of one transaction. */
const BATCH_RECORDS = 10_000;
/**
 * Records read, decoded and decided at a time. Few, so that most of what they are decoded to is garbage by the time
 * that the collector comes: it copies whatever it finds in use.
 */
export const SLICE_RECORDS = 2_000;

export interface Batch {
  /** The position after the batch. */
  readonly nextOffset: number;
  /** The last stable offset known. */
  readonly endOffset: number;
  /** What was read and belongs to the next batch, for this one changes rows enough; null where there is none. */
  readonly left: LogBatch | null;
}

/**
 * @param decisions of a new batch
 * @param first what was read; emptied, so that nobody keeps what is decided
 * @param decode null when stopped meanwhile
 * @returns null when stopped meanwhile: nothing of it may be committed
 */
export async function gatherBatch(
  decisions: BatchDecisions,
  reader: LogReader,
  first: LogBatch,
  decode: (records: readonly LogRecord[]) => Promise<Decoded[] | null>,
): Promise<Batch | null> {
  for (let read = first; ;) {
    const { records, nextOffset, endOffset } = read;
    const decoded = await decode(records);
    if (decoded === null) return null;
    const decided = await decisions.decide(records, decoded);
    const undecided = records[decided];
    if (undecided !== undefined)
      return { nextOffset: undecided.offset, endOffset, left: { ...read, records: records.slice(decided) } };
    records.length = 0;
    const more = reader.take(Math.min(SLICE_RECORDS, BATCH_RECORDS - decisions.records));
    if (more === null) return { nextOffset, endOffset, left: null };
    read = more;
  }
}
