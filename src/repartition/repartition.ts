/**
 * Gives the input more partitions, and moves the state of each company to the partition of its key. No instance may
 * run.
 *
 *   survey    check that no transaction is open, that all records were consumed, that records of partitions which others
 *             have added may stay, and that the topics may grow; read and count every row
 *   mark      replace the group's offsets by marks, which block every partition of an instance that starts meanwhile,
 *             and note the survey in them
 *   grow      check again that nothing was written to the input, or, in a later run, that what was written may stay; add
 *             partitions to the input; check again; add partitions to the changelog
 *   move      for each partition, in transactions of limited size: write rows to their new partitions, and tombstones in
 *             their place; the last one also has a mark that this partition is done
 *   check     no transaction is open, and nothing was written to the input; read and count every row again, and
 *             compare with the survey; each row must be in the partition of its company's key
 *   close     write each position row again: a changelog that ends with another row has lost a part of a transaction
 *   unmark    replace the marks by the offsets in the position rows
 *
 * If it is killed at any point, run it again: it ends the transaction that it was in, the marks say which partitions are
 * done and what the survey has found, and a partition that is half done continues with the rows that it still has. Holds,
 * and other offsets in rows, keep their old partition and offset: they are names of records.
 */
import { transactionalIdOf } from '../pipeline/fence.js';
import { lastPosition } from '../pipeline/last-rows.js';
import type { TopicPartition } from '../lib/record.js';
import type { RepartitionMark } from '../pipeline/repartition-mark.js';
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import { stopFirst } from '../kafka/group/stopped-group.js';
import { boundsOrRefusal, countOf, RepartitionRefusedError } from './before-fencing.js';
import { withRows } from './changelog-rows-on-disk.js';
import { MisplacedRowError, surveyChangelog, type Survey } from './changelog-survey.js';
import { firstRun, reportMarked } from './first-run.js';
import {
  firstCountOf,
  markNew,
  movedMark,
  readMark,
  readMarks,
  type Counts,
  type FirstCount,
  type FoundMark,
} from './marks.js';
import { endOpenMoves, untilEnded } from './open-moves.js';
import type { RepartitionPorts } from './ports.js';
import { RowMover, writePositionLast } from './row-mover.js';
import { consumedOrPutBack, orPutBack } from './still-consumed.js';
import { mustBeQuiet, mustStay } from './unread-records.js';

/**
 * Repartitions, or continues a repartitioning that was interrupted.
 *
 * @param wanted how many partitions the input should have; null for as many as it has
 * @throws RepartitionRefusedError, and what the ports throw: then run it again
 */
export async function repartition(ports: RepartitionPorts, wanted: number | null): Promise<void> {
  const { input, report } = ports;
  await mustBeStopped(ports);
  const marks = await readMarks(ports, await countOf(ports, input));
  const counts = await countsOf(ports, marks, wanted);
  if (counts === null) return report(`nothing to do: the changelog already has as many partitions as ${input}`);
  mustNotGrowAsShadow(ports, counts, marks.length);
  const { from, to } = counts;
  if (marks.some((mark) => mark !== null)) await endOpenMoves(ports, marks.length);
  const known = firstCountOf(marks, counts);
  const first = known ?? (await firstRun(ports, counts, marks));
  report(`moving ${first.rows} rows from ${from} to ${to} partitions`);
  if (marks.length === from) await consumedOrPutBack(ports, first);
  const grown = { ...counts, present: marks.length };
  let before = first.consumed;
  if (marks.length > from)
    before = await orPutBack(
      ports,
      grown,
      known === null ? mustBeQuiet(ports, grown, before) : endsOfUnread(ports, grown, first),
    );
  await grow(ports, input, to);
  const ends = await mustBeQuiet(ports, counts, before);
  await markAdded(ports, counts);
  await grow(ports, ports.changelog, to);
  for (const partition of range(0, to)) {
    const mark = await readMark(ports, partition);
    if (mark === null) throw noMark(ports, partition);
    if (!mark.moved) await movePartition(ports, partition, mark, first.consumed[partition] ?? null);
  }
  await checkAndUnmark(ports, counts, first, ends);
}

async function mustBeStopped({ group, applicationId }: RepartitionPorts): Promise<void> {
  const members = await group.members();
  if (members.length > 0) throw new RepartitionRefusedError(stopFirst(applicationId, members));
}

/** The old and the new number of partitions of the state; null if there is nothing to do. */
async function countsOf(
  ports: RepartitionPorts,
  marks: readonly (RepartitionMark | null)[],
  wanted: number | null,
): Promise<Counts | null> {
  const begun = marks.find((mark) => mark !== null);
  if (begun != null) {
    if (wanted !== null && wanted !== begun.to)
      throw new RepartitionRefusedError(
        `a repartitioning from ${begun.from} to ${begun.to} partitions was begun: ` +
          `finish it first, with --partitions ${begun.to}`,
      );
    return begun;
  }
  const [inputs, changelogs] = [marks.length, await countOf(ports, ports.changelog)];
  const to = wanted ?? inputs;
  if (to < inputs || to < changelogs)
    throw new RepartitionRefusedError(
      `${ports.input} has ${inputs} partitions and the changelog has ${changelogs}: neither can get fewer partitions; pass a ` +
        `higher --partitions`,
    );
  return to === changelogs ? null : { from: changelogs, to };
}

function mustNotGrowAsShadow({ shadowOf, input }: RepartitionPorts, { to }: Counts, inputs: number): void {
  if (shadowOf === null || to <= inputs) return;
  throw new RepartitionRefusedError(
    `${input} has ${inputs} partitions and is shared with ${shadowOf}: with more partitions, events of its companies would ` +
      `go where they have no state. Repartition ${shadowOf} first, without --shadow, and then the shadow`,
  );
}

function noMark({ applicationId, input }: RepartitionPorts, partition: number): RepartitionRefusedError {
  return new RepartitionRefusedError(
    `somebody has changed the offset of ${input}/${partition} in group ${applicationId}, which must be the mark of this ` +
      'repartitioning: stop all instances, and run the command again',
  );
}

/** Where the partitions of the grown input end. Records that were written since it was consumed may only stay. */
async function endsOfUnread(
  ports: RepartitionPorts,
  grown: { readonly to: number; readonly present: number },
  { consumed }: FirstCount,
): Promise<number[]> {
  const ends = await mustStay(ports, grown, consumed);
  for (const [partition, first] of consumed.entries()) {
    const last = (ends[partition] ?? first) - 1;
    if (last >= first)
      ports.report(
        `the records of ${ports.input}/${partition} from offset ${first} to ${last} stay: their keys lead there`,
      );
  }
  return ends;
}

/**
 * Marks the new partitions that have no mark yet.
 */
async function markAdded(ports: RepartitionPorts, counts: Counts): Promise<void> {
  const marks = await readMarks(ports, counts.to);
  const unmarked = range(counts.from, counts.to).filter((partition) => marks[partition] == null);
  if (unmarked.length === 0) return;
  await markNew(ports, counts, unmarked);
  reportMarked(ports.report, counts.from, counts.to - 1);
}

async function grow(ports: RepartitionPorts, topic: string, to: number): Promise<void> {
  if ((await countOf(ports, topic)) >= to) return;
  await ports.admin.grow(topic, to);
  ports.report(`${topic} has ${to} partitions`);
}

/** @param consumed where the input of an old partition ended; null for a new partition, which consumes all */
async function movePartition(
  ports: RepartitionPorts,
  partition: number,
  mark: FoundMark,
  consumed: number | null,
): Promise<void> {
  const { changelog, input: topic, logs } = ports;
  const producer = await fence(ports, partition);
  try {
    const firstPosition = consumed ?? (await boundsOrRefusal(logs, { topic, partition })).start;
    const moved = await withRows(logs, { topic: changelog, partition }, async (pairs) => {
      const ended = (places: readonly TopicPartition[]) => untilEnded(ports, places, partition);
      const mover = new RowMover({ producer, ended, clock: ports.clock }, changelog, partition, mark.to);
      for await (const pair of pairs) await mover.take(pair);
      return mover.finish({ input: topic, firstPosition, mark: movedMark(mark) });
    });
    ports.report(`partition ${partition}: ${moved} rows moved`);
  } finally {
    await producer.discard();
  }
}

/** @param ends where each partition of the input ended before the move */
async function checkAndUnmark(
  ports: RepartitionPorts,
  counts: Counts,
  first: FirstCount,
  ends: readonly number[],
): Promise<void> {
  const { to } = counts;
  await endOpenMoves(ports, to);
  const after = await surveyMoved(ports, to);
  if (after.rows !== first.rows || after.sum !== first.sum)
    throw new RepartitionRefusedError(
      `there were ${first.rows} rows (sum ${first.sum}) and now there are ${after.rows} (sum ${after.sum}): rows were lost or ` +
        `changed while they were moved. The partitions stay stopped, and ${BEGIN_AGAIN}`,
    );
  const offsets = new Map<number, number>();
  after.positions.forEach((position, partition) => {
    const consumed = first.consumed[partition];
    if (position === null || (consumed !== undefined && position !== consumed))
      throw new RepartitionRefusedError(
        `partition ${ports.changelog}/${partition} has ${position === null ? 'no position' : `position ${position}`}` +
          `${consumed === undefined ? '' : `, and the input was consumed up to ${consumed}`}. The partitions stay stopped, ` +
          `and ${BEGIN_AGAIN}`,
      );
    offsets.set(partition, position);
  });
  await mustBeQuiet(ports, counts, ends);
  ports.report(`checked: ${after.rows} rows, each in the partition of its company's key`);
  for (const partition of range(0, to)) await closePartition(ports, partition);
  await mustBeStopped(ports);
  await ports.group.setOffsets(ports.input, offsets);
  ports.report(`done: start the processor, on ${to} partitions`);
}

/** The marks stay until all are closed, so an interrupted run closes them again. */
async function closePartition(ports: RepartitionPorts, partition: number): Promise<void> {
  const log = { topic: ports.changelog, partition };
  const position = await lastPosition(ports.logs, log, await boundsOrRefusal(ports.logs, log));
  if (position === null)
    throw new RepartitionRefusedError(`${log.topic}/${partition} has no position row: ${BEGIN_AGAIN}`);
  const producer = await fence(ports, partition);
  try {
    const ended = (places: readonly TopicPartition[]) => untilEnded(ports, places, partition);
    await writePositionLast({ producer, ended }, log, position);
  } finally {
    await producer.discard();
  }
}

async function surveyMoved({ logs, changelog }: RepartitionPorts, to: number): Promise<Survey> {
  const isAtHome = (partition: number, companyId: Buffer) => partitionOfKey(companyId, to) === partition;
  try {
    return await surveyChangelog(logs, changelog, to, isAtHome);
  } catch (error) {
    if (!(error instanceof MisplacedRowError)) throw error;
    const message = `${error.message} after all rows were moved. The partitions stay stopped, and ${BEGIN_AGAIN}`;
    throw new RepartitionRefusedError(message, { cause: error });
  }
}

function fence(ports: RepartitionPorts, partition: number) {
  return ports.transactions.fence(transactionalIdOf(ports, partition));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
