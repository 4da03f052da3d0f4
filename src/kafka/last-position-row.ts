/** Finds the position row of a partition at the end of its changelog, without reading all of it. */
import type { TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { latestPositionRow } from '../store/changelog-rows.js';
import type { PositionRow } from '../store/row-codec.js';

/** Every transaction of a partition ends with its position row. After `repartition` rows of others may follow it. */
const FIRST_WINDOW_OFFSETS = 1_000;
const NEXT_WINDOW_FACTOR = 10;
const RECORDS_A_READ = 10_000;

/**
 * The last position row below the last stable offset; null if the log has none. Reads windows backwards from the end,
 * each ten times as large as the one before, and every offset once at most.
 *
 * @param logs of the kind `compacted`
 * @param read called with the number of records of each read
 * @throws what the reader throws; UnknownRowVersionError, CorruptStoreError
 */
export async function lastPositionRow(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  changelog: TopicPartition,
  read: (records: number) => void,
): Promise<PositionRow | null> {
  const { start, end } = await logs.bounds(changelog);
  let window = FIRST_WINDOW_OFFSETS;
  for (let to = end; to > start; window *= NEXT_WINDOW_FACTOR) {
    const from = Math.max(start, to - window);
    const found = await lastBetween(logs, changelog, from, to, read);
    if (found !== null) return found;
    to = from;
  }
  return null;
}

async function lastBetween(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  from: number,
  to: number,
  read: (records: number) => void,
): Promise<PositionRow | null> {
  const reader = logs.reader(changelog, from);
  let found: PositionRow | null = null;
  try {
    for (let position = from; position < to;) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      read(records.length);
      found = latestPositionRow(
        records.filter(({ offset }) => offset < to),
        found,
      );
      position = nextOffset;
    }
  } finally {
    reader.close();
  }
  return found;
}
