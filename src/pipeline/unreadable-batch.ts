/** Checks whether a log can be read from a position. Called before a batch that cannot be read is skipped. */
import type { TopicPartition } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import { UnreadableBatchError } from './errors.js';
import type { Logs } from './ports.js';

/** A record batch that cannot be opened, by its offsets. */
export interface UnreadableBatch {
  readonly firstOffset: number;
  /** Where the next readable batch begins; null if unknown. */
  readonly nextOffset: number | null;
}

/**
 * The unreadable batch at `from`, or after records there that are not delivered. Null if the next record can be read,
 * or if no record follows below `end`.
 *
 * @param end the log's last stable offset
 * @throws other errors of the reader; ReaderClosedError when `signal` aborts
 */
export async function unreadableBatchAt(
  logs: Pick<Logs, 'reader'>,
  log: TopicPartition,
  from: number,
  end: number,
  signal?: AbortSignal,
): Promise<UnreadableBatch | null> {
  if (from >= end) return null;
  const reader = logs.reader(log, from);
  const read = async (): Promise<null> => {
    for (let position = from; position < end;) {
      const { records, nextOffset } = await reader.next(1);
      if (records.length > 0) return null;
      position = nextOffset;
    }
    return null;
  };
  try {
    return await withReader(reader, read, signal);
  } catch (error) {
    if (error instanceof UnreadableBatchError) return error;
    throw error;
  }
}

export const LOSES_BATCH =
  'The records of the batch are not read then: a company whose manifest is among them may never be announced, and a ' +
  'company whose last status is among them waits until the platform sends that status again. Nothing is announced twice.';

/** Any offset would be a guess, and could skip readable records. */
export function endIsUnknown(firstOffset: number): string {
  return (
    `have another replica lead the partition: the batch from offset ${firstOffset} on cannot be read, and its ` +
    'end is unknown. Or wait until more records were written after it: docs/operations.md, "A batch that cannot be read"'
  );
}
