/** Builds a partition's state from its changelog: in large reads, with visible progress, resumable at any point. */
import { steadyMs } from '../lib/stopwatch.js';
import { LongPromise } from '../lib/long-promise.js';
import { recordBytes, type LogRecord } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import type { PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';
import { mustSeeDeletions } from './missed-deletions.js';
import type { RestoreProgress } from './observer.js';
import type { LogBatch, LogBounds, LogIdentity, LogReader } from './ports.js';

/** Changelog records that one read replays. The store writes them in pieces, and other work runs in between. */
export const REPLAY_RECORDS = 50_000;
/** If a read delivers nothing for this long, the restore reports it, and reports it again after each such interval. */
const STALLED_AFTER_MS = 10_000;

/**
 * Replays the changelog from where the store must read to the end of `log`. The position is written with the records, so a
 * restore that was killed continues from there. Ends earlier if the changelog does not have the store's last batch:
 * `lacksOwnBatch` stays true.
 *
 * @param log the log that the store's position is an offset of
 * @throws ReaderClosedError when `signal` aborts; MissedDeletionsError; what reader and store throw
 */
export async function restore(
  context: PipelineContext,
  partition: number,
  store: PartitionStore,
  log: Pick<LogBounds, 'end' | keyof LogIdentity>,
  signal: AbortSignal,
): Promise<void> {
  const { end } = log;
  const start = store.readFrom;
  const reader = context.changelogLogs.reader({ topic: context.topics.changelog, partition }, start, log);
  const replay = async (): Promise<void> => {
    signal.throwIfAborted();
    const startedAt = steadyMs(context.clock);
    let progress: RestoreProgress = { position: start, start, end, records: 0, bytes: 0, remainingMs: null };
    while (progress.position < end) {
      const batch = await watched(context, partition, reader, progress);
      mustSeeDeletions(context, partition, store);
      if (store.isPastOwnBatch(batch.records)) return;
      await store.replay(batch.records, batch.nextOffset, batch.leaderEpoch);
      context.statePositions.note(partition, batch.nextOffset);
      progress = advanced(progress, batch, steadyMs(context.clock) - startedAt);
      context.observer.restore(partition, progress);
    }
  };
  await withReader(reader, replay, signal);
}

/** Returns the next records. While none arrive, reports that to the observer every STALLED_AFTER_MS. */
async function watched(
  { clock, observer }: PipelineContext,
  partition: number,
  reader: LogReader,
  progress: RestoreProgress,
): Promise<LogBatch> {
  const next = new LongPromise(reader.next(REPLAY_RECORDS));
  for (let stalledMs = STALLED_AFTER_MS; ; stalledMs += STALLED_AFTER_MS) {
    if (await next.settlesWithin(clock, STALLED_AFTER_MS)) return next.promise;
    observer.restoreStalled(partition, progress, stalledMs);
  }
}

function advanced(before: RestoreProgress, { records, nextOffset }: LogBatch, elapsedMs: number): RestoreProgress {
  const { start, end } = before;
  const done = nextOffset - start;
  return {
    start,
    end,
    position: nextOffset,
    records: before.records + records.length,
    bytes: before.bytes + bytesOf(records),
    remainingMs: Math.round((elapsedMs * Math.max(0, end - nextOffset)) / Math.max(1, done)),
  };
}

function bytesOf(records: readonly LogRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += recordBytes(record);
  return bytes;
}
