/** Finds the position row and the origin row of a partition at the end of its changelog, without reading all of it. */
import { withReader } from '../lib/with-reader.js';
import type { TopicPartition } from '../lib/record.js';
import { latestOriginRow, latestPositionRow } from '../store/changelog-rows.js';
import type { OriginRow, PositionRow } from '../store/row-codec.js';
import type { LogBounds, LogReader, Logs } from './ports.js';
import { windowsBackwards } from './windows-backwards.js';

const RECORDS_A_READ = 10_000;

/** The last row of each kind; null if it does not exist. */
export interface LastRows {
  readonly position: PositionRow | null;
  readonly origin: OriginRow | null;
}

/** The last position row, found in the same way. @throws as `lastRows`; ReaderClosedError when `signal` aborts */
export async function lastPosition(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  signal?: AbortSignal,
): Promise<PositionRow | null> {
  const isFound = ({ position }: LastRows): boolean => position !== null;
  return (await lastRowsUntil(isFound, logs, changelog, bounds, () => undefined, signal)).position;
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
  const areFound = ({ position, origin }: LastRows): boolean => position !== null && origin !== null;
  return lastRowsUntil(areFound, logs, changelog, await logs.bounds(changelog), read);
}

/** The last origin row, found in the same way. @throws as `lastPosition` */
export async function lastOrigin(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  signal?: AbortSignal,
): Promise<OriginRow | null> {
  const isFound = ({ origin }: LastRows): boolean => origin !== null;
  return (await lastRowsUntil(isFound, logs, changelog, bounds, () => undefined, signal)).origin;
}

/**
 * Every transaction of a partition ends with its position row. After `repartition`, rows from other partitions may
 * follow.
 */
async function lastRowsUntil(
  isFound: (rows: LastRows) => boolean,
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  read: (records: number) => void,
  signal?: AbortSignal,
): Promise<LastRows> {
  let found: LastRows = { position: null, origin: null };
  for (const window of windowsBackwards(bounds)) {
    if (isFound(found)) break;
    const { position, origin } = await lastBetween(logs, changelog, window, read, signal);
    found = { position: found.position ?? position, origin: found.origin ?? origin };
  }
  return found;
}

async function lastBetween(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
  read: (records: number) => void,
  signal?: AbortSignal,
): Promise<LastRows> {
  const find = async (reader: LogReader): Promise<LastRows> => {
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
  };
  return withReader(logs.reader(changelog, from), find, signal);
}
