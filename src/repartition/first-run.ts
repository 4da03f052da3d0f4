/** The first run of a repartitioning, until the marks have a note of all that it found. */
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import { transactionalIdOf } from '../pipeline/fence.js';
import { COMPLETE_OR_LOST, isCut, rowsToPosition } from '../pipeline/last-rows.js';
import {
  boundsOrRefusal,
  changelogEnds,
  mustBeConsumed,
  mustHaveNothingOpen,
  RepartitionRefusedError,
} from './before-fencing.js';
import { MisplacedRowError, surveyChangelog, type Survey } from './changelog-survey.js';
import { canBePutBack, markOld, noteCount, putBack, type Counts, type FirstCount, type FoundMark } from './marks.js';
import type { RepartitionPorts } from './ports.js';
import { mustStay } from './unread-records.js';

/**
 * The first run, until what it found is noted in the marks. All refusals that need no fencing come before anything is
 * changed.
 *
 * @param marks of an earlier run that was interrupted before that; one for each partition of the input
 */
export async function firstRun(
  ports: RepartitionPorts,
  counts: Counts,
  marks: readonly (FoundMark | null)[],
): Promise<FirstCount> {
  const { from } = counts;
  if (marks.some((mark) => mark !== null)) {
    if (!canBePutBack(marks)) throw countIsMissing(ports);
    await putBack(ports, marks);
  }
  const ends = await fenceConsumed(ports, counts, marks.length);
  const changelogBefore = await changelogEnds(ports, from);
  const found = await survey(ports, from);
  const committed = await committedOffsets(ports, from);
  mustSpeakOfAll(found, committed, ports);
  for (let partition = 0; partition < from; partition++) await mustNotBeCut(ports, partition);
  const notes = ends.map((end, partition) => {
    const offset = committed[partition] ?? null;
    return { consumed: offset ?? end, hadOffset: offset !== null };
  });
  await markOld(ports, counts, notes);
  reportMarked(ports.report, 0, from - 1);
  // Until the marks were set, an instance could have run.
  const changelogAfter = await changelogEnds(ports, from);
  if (changelogBefore.some((end, partition) => end !== changelogAfter[partition]))
    throw new RepartitionRefusedError(
      'an instance has run while the rows were counted: stop all instances, and run the command again',
    );
  await noteCount(ports, counts, notes[0], found);
  return { rows: found.rows, sum: found.sum, consumed: notes.map(({ consumed }) => consumed) };
}

function countIsMissing({ applicationId }: RepartitionPorts): RepartitionRefusedError {
  return new RepartitionRefusedError(
    `a repartitioning was begun, but the number of rows that it noted in group ${applicationId} is missing. If an earlier release has ` +
      'begun it, finish it with the command of that release. Otherwise somebody has changed offsets of the group: then ' +
      BEGIN_AGAIN,
  );
}

function committedOffsets({ logs, input: topic }: RepartitionPorts, count: number): Promise<(number | null)[]> {
  const committed = async (partition: number) => (await logs.committedOffset({ topic, partition }))?.offset ?? null;
  return Promise.all(Array.from({ length: count }, (_, partition) => committed(partition)));
}

/**
 * Fences, so that the offsets are final. A refusal after the first fencing must be rare, so all is checked before it.
 *
 * @param inputs how many partitions the input has; others may have grown it
 */
async function fenceConsumed(ports: RepartitionPorts, { from, to }: Counts, inputs: number): Promise<number[]> {
  await mustHaveNothingOpen(ports, from);
  const consumed = await mustBeConsumed(ports, from);
  if (inputs > from) await mustStay(ports, { to, present: inputs }, consumed);
  await ports.admin.mayGrow(ports.input, to);
  await ports.admin.mayGrow(ports.changelog, to);
  for (let partition = 0; partition < from; partition++)
    await (await ports.transactions.fence(transactionalIdOf(ports, partition))).discard();
  return mustBeConsumed(ports, from);
}

function mustSpeakOfAll({ positions }: Survey, committed: readonly (number | null)[], { input }: RepartitionPorts) {
  positions.forEach((position, partition) => {
    if (position !== (committed[partition] ?? null))
      throw new RepartitionRefusedError(
        `partition ${input}/${partition}: the changelog's position is ${position ?? 'missing'} and the group's offset is ` +
          `${committed[partition] ?? 'missing'}: start the processor, which says what to do, and let it consume everything`,
      );
  });
}

/** The position row that the last step writes would hide the loss. @throws RepartitionRefusedError */
async function mustNotBeCut({ logs, changelog: topic }: RepartitionPorts, partition: number): Promise<void> {
  const log = { topic, partition };
  if (!isCut(await rowsToPosition(logs, log, await boundsOrRefusal(logs, log)))) return;
  throw new RepartitionRefusedError(
    `${topic}/${partition} has lost the end of a transaction: ${COMPLETE_OR_LOST}. Then run the command again`,
  );
}

/** @throws RepartitionRefusedError if a company is not in the partition that the default partitioner chooses */
async function survey(ports: RepartitionPorts, from: number): Promise<Survey> {
  const { logs, changelog, input } = ports;
  const isAtHome = (partition: number, companyId: Buffer) => partitionOfKey(companyId, from) === partition;
  try {
    return await surveyChangelog(logs, changelog, from, isAtHome);
  } catch (error) {
    if (!(error instanceof MisplacedRowError)) throw error;
    throw new RepartitionRefusedError(
      `${error.message}, which the default partitioner did not choose: a writer of ${input} uses another partitioner, or ` +
        `has written after the input had grown. Then the state cannot be moved: ${BEGIN_AGAIN}`,
      { cause: error },
    );
  }
}

export function reportMarked(report: RepartitionPorts['report'], first: number, last: number): void {
  report(`marked partitions ${first} to ${last}: they do not run until the repartitioning is finished`);
}
