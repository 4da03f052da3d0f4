/** Reads the position of each partition from the changelog, the group and the input. Changes nothing. */
import type { Clock } from '../../lib/clock.js';
import { someAtATime } from '../../lib/some-at-a-time.js';
import type { Logs } from '../../pipeline/ports.js';
import type { Positions } from '../../pipeline/position-choices.js';
import { hasOpenTransaction } from '../../pipeline/left-open.js';
import { lostFrom } from '../../pipeline/partition-view.js';
import { isOtherInput } from '../../pipeline/origin.js';
import { unreadableBatchAt } from '../../pipeline/unreadable-batch.js';
import { isCut, lastRows, NO_ROWS } from '../../pipeline/last-rows.js';

export interface PositionSources {
  readonly input: string;
  readonly changelog: string;
  /** How many partitions the changelog has. The input has more during a repartitioning. */
  readonly changelogPartitions: number;
  readonly inputLogs: Pick<Logs, 'bounds' | 'committedOffset' | 'endOfEpoch' | 'reader'>;
  /** Logs that read the changelog as a compacted topic. */
  readonly changelogLogs: Pick<Logs, 'bounds' | 'reader'>;
  readonly clock: Clock;
  /** Called after each read of the changelog, with its number of records. */
  readonly read: (records: number) => void;
}

export interface FoundPositions extends Positions {
  /**
   * The offset from which a transaction is open in the changelog: the records from there on may not count. Null if no
   * transaction is open.
   */
  readonly openFrom: number | null;
  /** Whether `byMost` holds for the bounds of input and changelog (ports.ts). */
  readonly byMost: boolean;
}

/** How many partitions are read at the same time. Each takes up to 3 MiB for records of its changelog. */
const READ_AT_ONCE = 16;
/**
 * How often to read the positions of a partition: a running instance may commit between our reads of its offset and its
 * changelog.
 */
const LOOKS = 10;
const LOOK_AGAIN_MS = 100;

/**
 * Reads the positions of the partitions, in their order.
 *
 * @param running whether instances may commit meanwhile
 * @throws what the logs throw; UnknownRowVersionError, CorruptStoreError
 */
export async function readPositions(
  sources: PositionSources,
  partitions: readonly number[],
  running: boolean,
): Promise<FoundPositions[]> {
  const found = new Array<FoundPositions>(partitions.length);
  await someAtATime(partitions.entries(), READ_AT_ONCE, async ([i, partition]) => {
    found[i] = await readOne(sources, partition, running);
  });
  for (const [i, positions] of found.entries()) {
    const { topic, partition, changelog, input } = positions;
    if (changelog === null || changelog.topic !== topic || changelog.offset < input.start) continue;
    const log = { topic, partition };
    const unreadable = await unreadableBatchAt(sources.inputLogs, log, changelog.offset, input.end);
    found[i] = { ...positions, unreadable };
  }
  return found;
}

async function readOne(sources: PositionSources, partition: number, running: boolean): Promise<FoundPositions> {
  for (let look = 1; ; look++) {
    const { before, ...found } = await lookOnce(sources, partition);
    if (!running) return found;
    const offset = found.changelog?.offset ?? null;
    // Both values only grow while an instance runs. So if they were read in this order, they were equal at some moment
    // in between.
    const wereEqual = orNothing(before) <= orNothing(offset) && orNothing(offset) <= orNothing(found.committed);
    if (wereEqual) return { ...found, committed: offset, openFrom: null };
    if (look === LOOKS) return found;
    await sources.clock.delay(LOOK_AGAIN_MS);
  }
}

function orNothing(offset: number | null): number {
  return offset ?? -1;
}

/** Reads the input's bounds last. So the end of the input is not below the positions. */
async function lookOnce(
  sources: PositionSources,
  partition: number,
): Promise<FoundPositions & { before: number | null }> {
  const { input: topic, changelog, inputLogs, changelogLogs } = sources;
  const before = await inputLogs.committedOffset({ topic, partition });
  const state = { topic: changelog, partition };
  const isThere = partition < sources.changelogPartitions;
  const rows = isThere ? await lastRows(changelogLogs, state, sources.read) : NO_ROWS;
  const bounds = isThere ? await changelogLogs.bounds(state) : NO_LOG;
  const committed = await inputLogs.committedOffset({ topic, partition });
  const inputBounds = await inputLogs.bounds({ topic, partition });
  return {
    topic,
    partition,
    before: before?.offset ?? null,
    committed: committed?.offset ?? null,
    committedIn: committed?.leaderEpoch ?? -1,
    changelog: rows.position,
    changelogStart: bounds.start,
    changelogCut: isCut(rows),
    openFrom: hasOpenTransaction(bounds) ? bounds.end : null,
    input: inputBounds,
    byMost: bounds.byMost && inputBounds.byMost,
    inputLostFrom: await lostFrom(inputLogs, { topic, partition }, committed, inputBounds),
    inputRecreated: isOtherInput(rows.origin, inputBounds.topicId),
  };
}

const NO_LOG = { start: 0, end: 0, highWatermark: 0, byMost: true };
