/** Finds the position row and the origin row of a partition at the end of its changelog, without reading all of it. */
import { withReader } from '../lib/with-reader.js';
import type { LogRecord, TopicPartition } from '../lib/record.js';
import { FIRST_VOCABULARY } from '../domain/statuses.js';
import { latestOriginRow, latestPositionRow } from '../store/changelog-rows.js';
import type { OriginRow, PositionRow } from '../store/row-codec.js';
import { isPositionKey } from '../store/row-keys.js';
import type { LogBounds, LogReader, Logs } from './ports.js';
import { windowsBackwards } from './windows-backwards.js';

const RECORDS_A_READ = 10_000;

/** The last row of each kind; null if it does not exist. */
export interface LastRows {
  readonly position: PositionRow | null;
  readonly origin: OriginRow | null;
  /** Whether the last row of all is a position row; null if the changelog is empty. */
  readonly endsWithPosition: boolean | null;
}

export const NO_ROWS: LastRows = { position: null, origin: null, endsWithPosition: null };

/** The last position row, found in the same way. @throws as `lastRows`; ReaderClosedError when `signal` aborts */
export async function lastPosition(...where: Parameters<typeof rowsToPosition>): Promise<PositionRow | null> {
  return (await rowsToPosition(...where)).position;
}

/** As `lastPosition`, together with whether that row is the last one of all. */
export async function rowsToPosition(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  signal?: AbortSignal,
): Promise<Pick<LastRows, 'position' | 'endsWithPosition'>> {
  const isFound = ({ position }: LastRows): boolean => position !== null;
  return lastRowsUntil(isFound, logs, changelog, bounds, () => undefined, signal);
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
 * Whether the last row is a position row; null if the changelog has no row. Found in the same way, so it is cheap unless
 * very many transactions at the end were aborted. @throws as `lastPosition`
 */
export async function endsWithPosition(
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  signal?: AbortSignal,
): Promise<boolean | null> {
  const isFound = (rows: LastRows): boolean => rows.endsWithPosition !== null;
  return (await lastRowsUntil(isFound, logs, changelog, bounds, () => undefined, signal)).endsWithPosition;
}

/**
 * Whether the changelog has lost the end of a transaction and kept its beginning. A large transaction is several record
 * batches, and brokers may lose the last of them and keep the commit (power failure, unclean leader election). Every
 * transaction of a partition ends with its position row, so another row at the end shows such a loss.
 *
 * Rows that `repartition` has moved here from other partitions may also follow the position row. That row then asks for a
 * new count of the companies, as rows of the first releases do.
 */
export function isCut({ position, endsWithPosition }: Pick<LastRows, 'position' | 'endsWithPosition'>): boolean {
  return endsWithPosition === false && position?.countedUnder !== FIRST_VOCABULARY;
}

/** What an operator can do then. */
export const COMPLETE_OR_LOST =
  'if the instance that ran the partition last still has its state folder, start that instance alone: it writes the lost ' +
  'rows again. Otherwise no state can be built from this changelog: docs/operations.md, "The changelog is lost"';

async function lastRowsUntil(
  isFound: (rows: LastRows) => boolean,
  logs: Pick<Logs, 'reader'>,
  changelog: TopicPartition,
  bounds: Pick<LogBounds, 'start' | 'end'>,
  read: (records: number) => void,
  signal?: AbortSignal,
): Promise<LastRows> {
  let found = NO_ROWS;
  for (const window of windowsBackwards(bounds)) {
    if (isFound(found)) break;
    const earlier = await lastBetween(logs, changelog, window, read, signal);
    found = {
      position: found.position ?? earlier.position,
      origin: found.origin ?? earlier.origin,
      endsWithPosition: found.endsWithPosition ?? earlier.endsWithPosition,
    };
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
    let found = NO_ROWS;
    for (let next = from; next < to;) {
      const { records, nextOffset } = await reader.next(RECORDS_A_READ);
      read(records.length);
      const within = records.filter(({ offset }) => offset < to);
      found = {
        position: latestPositionRow(within, found.position),
        origin: latestOriginRow(within, found.origin),
        endsWithPosition: isLastOfPosition(within) ?? found.endsWithPosition,
      };
      next = nextOffset;
    }
    return found;
  };
  return withReader(logs.reader(changelog, from), find, signal);
}

function isLastOfPosition(records: readonly LogRecord[]): boolean | null {
  const last = records.at(-1);
  return last === undefined ? null : last.key !== null && isPositionKey(last.key);
}
