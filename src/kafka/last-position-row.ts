/** Finds the position row of a partition at the end of its changelog, without reading all of it. */
import type { TopicPartition } from '../lib/record.js';
import type { Logs } from '../pipeline/ports.js';
import { latestOriginRow, latestPositionRow, type ChangelogRow } from '../store/changelog-rows.js';
import type { OriginRow, PositionRow } from '../store/row-codec.js';

/** Every transaction of a partition ends with its position row. After `repartition` rows of others may follow it. */
const FIRST_WINDOW_OFFSETS = 1_000;
const NEXT_WINDOW_FACTOR = 10;
const RECORDS_A_READ = 10_000;

/**
 * The last origin row, which may be anywhere: all of the changelog is read if none is found earlier. As `lastPositionRow`.
 */
export function lastOriginRow(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  changelog: TopicPartition,
  read: (records: number) => void,
): Promise<OriginRow | null> {
  return lastRow(logs, changelog, read, latestOriginRow);
}

/**
 * The last position row below the last stable offset; null if the log has none. Reads windows backwards from the end,
 * each ten times as large as the one before, and every offset once at most.
 *
 * @param logs of the kind `compacted`
 * @param read called with the number of records of each read
 * @throws what the reader throws; UnknownRowVersionError, CorruptStoreError
 */
export function lastPositionRow(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  changelog: TopicPartition,
  read: (records: number) => void,
): Promise<PositionRow | null> {
  return lastRow(logs, changelog, read, latestPositionRow);
}

/** The last row of one kind among the records, or `known` where none is. */
type Latest<T> = (records: readonly ChangelogRow[], known: T | null) => T | null;

async function lastRow<T>(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  changelog: TopicPartition,
  read: (records: number) => void,
  latest: Latest<T>,
): Promise<T | null> {
  const { start, end } = await logs.bounds(changelog);
  let window = FIRST_WINDOW_OFFSETS;
  for (let to = end; to > start; window *= NEXT_WINDOW_FACTOR) {
    const from = Math.max(start, to - window);
    const found = await lastBetween(logs, changelog, { from, to }, read, latest);
    if (found !== null) return found;
    to = from;
  }
  return null;
}

async function lastBetween<T>(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
  read: (records: number) => void,
  latest: Latest<T>,
): Promise<T | null> {
  const reader = logs.reader(changelog, from);
  let found: T | null = null;
  try {
    for (let position = from; position < to;) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      read(records.length);
      found = latest(
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
