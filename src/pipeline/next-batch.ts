import { LongPromise } from '../lib/long-promise.js';
import { commitBatch } from './commit-batch.js';
import type { PipelineContext } from './context.js';
import { NOTHING_DECIDED } from './decisions.js';
import { throttledMs } from './paced-commit.js';
import type { LogBatch } from './ports.js';
import type { StalledWatch } from './stalled-watch.js';
import type { OwnedPartition } from './take-over.js';

/** After this idle time, the store writes its position and deletes the undo. */
const IDLE_FLUSH_MS = 100;

/** An owned partition, and the work that is done while no records arrive. */
export interface IdlePartition extends OwnedPartition {
  readonly watch: StalledWatch;
}

/**
 * Waits for the next records of the input. If none arrive for some time, does the work of an idle partition. It flushes
 * the store. If the reader has only skipped records that are not delivered (markers, aborted records), it commits the
 * group's offset. Then it looks for stalled companies, and notes that the store is at the changelog's end.
 *
 * @param reading the next records, from their reader
 * @param passed the position in the input: all records below it are committed or were not delivered
 * @throws what the reader throws; as `commitBatch`; what the store throws
 */
export async function nextBatch(
  context: PipelineContext,
  partition: number,
  reading: Promise<LogBatch>,
  idle: IdlePartition,
  passed: number,
): Promise<LogBatch> {
  const { store, watch, notes } = idle;
  const next = new LongPromise(reading);
  for (;;) {
    const behind = passed > (store.position()?.offset ?? idle.from);
    const restMs = store.isFlushed && !behind ? Math.min(watch.restMs, notes.restMs) : 0;
    if (await next.settlesWithin(context.clock, Math.max(IDLE_FLUSH_MS, restMs))) return next.promise;
    if (behind && throttledMs(idle) === 0) await commitBatch(context, partition, idle, NOTHING_DECIDED, passed);
    await store.flush();
    await watch.look(passed);
    await notes.noteIfDue();
  }
}
