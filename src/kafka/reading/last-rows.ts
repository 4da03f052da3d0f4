/** Finds the position row and the origin row of a partition at the end of its changelog, without reading all of it. */
import { withReader } from '../../lib/with-reader.js';
import type { TopicPartition } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';
import { latestOriginRow, latestPositionRow } from '../../store/changelog-rows.js';
import type { OriginRow, PositionRow } from '../../store/row-codec.js';

/**
 * Every transaction of a partition ends with its position row. After `repartition`, rows from other partitions may
 * follow.
 */
const FIRST_WINDOW_OFFSETS = 1_000;
const NEXT_WINDOW_FACTOR = 10;
const RECORDS_A_READ = 10_000;

/** The last row of each kind; null if it does not exist. */
export interface LastRows {
  readonly position: PositionRow | null;
  readonly origin: OriginRow | null;
}

/**
 * Finds the last rows below the last stable offset. Reads windows backwards from the end, each ten times as large as
 * the one before, and each offset at most once. The origin row may be anywhere: a changelog without one is read
 * completely.
 *
 * @param logs must be of the kind `compacted`
 * @param read called after each read with its number of records
 * @throws what the reader throws; UnknownRowVersionError, CorruptStoreError
 */
export async function lastRows(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  changelog: TopicPartition,
  read: (records: number) => void,
): Promise<LastRows> {
  const { start, end } = await logs.bounds(changelog);
  let found: LastRows = { position: null, origin: null };
  let window = FIRST_WINDOW_OFFSETS;
  for (let to = end; to > start && (found.position === null || found.origin === null); window *= NEXT_WINDOW_FACTOR) {
    const from = Math.max(start, to - window);
    const { position, origin } = await lastBetween(logs, changelog, { from, to }, read);
    found = { position: found.position ?? position, origin: found.origin ?? origin };
    to = from;
  }
  return found;
}

async function lastBetween(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
  read: (records: number) => void,
): Promise<LastRows> {
  return withReader(logs.reader(changelog, from), async (reader) => {
    let found: LastRows = { position: null, origin: null };
    for (let next = from; next < to;) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      read(records.length);
      const within = records.filter(({ offset }) => offset < to);
      found = {
        position: latestPositionRow(within, found.position),
        origin: latestOriginRow(within, found.origin),
      };
      next = nextOffset;
    }
    return found;
  });
}
