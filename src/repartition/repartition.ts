/**
 * Gives the input more partitions, and moves the state of each company to the partition of its key. No instance may
 * run.
 *
 *   survey    check that no transaction is open and all records were consumed; read and count every row
 *   mark      replace the group's offsets by marks, which block every partition of an instance that starts meanwhile
 *   grow      add partitions to the input, then to the changelog
 *   move      for each partition, in one transaction: write rows to their new partitions, tombstones in their place,
 *             and a mark that this partition is done
 *   check     read and count every row again; each must be in the partition of its company's key
 *   unmark    replace the marks by the offsets in the position rows
 *
 * If it is killed at any point, run it again: the marks say how far it has come. Holds, and other offsets in rows, keep
 * their old partition and offset: they are names of records.
 */
import { transactionalIdOf } from '../pipeline/fence.js';
import type { Transactions } from '../pipeline/ports.js';
import { decodeRepartitionMark, encodeRepartitionMark, type RepartitionMark } from '../pipeline/repartition-mark.js';
import {
  boundsByMost,
  countOf,
  mustBeConsumed,
  mustHaveNothingOpen,
  RepartitionRefusedError,
  type CheckingPorts,
} from './before-fencing.js';
import { withRows } from './changelog-rows-on-disk.js';
import { MisplacedRowError, surveyChangelog, type Survey } from './changelog-survey.js';
import { BEGIN_AGAIN } from '../kafka/topics/input-growth.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import { RowMover } from './row-mover.js';
import { stopFirst, type StoppedGroup } from '../kafka/group/stopped-group.js';
import type { TopicAdmin } from '../kafka/topics/topic-admin.js';

export interface RepartitionPorts extends CheckingPorts {
  /**
   * If this is a shadow: the deployment that owns the input. Only that deployment may add partitions. Otherwise null.
   */
  readonly shadowOf: string | null;
  readonly transactions: Transactions;
  readonly admin: Pick<TopicAdmin, 'countPartitions' | 'grow'>;
  readonly group: Pick<StoppedGroup, 'members' | 'setOffsets'>;
  /** Called with each step once it is done. */
  readonly report: (line: string) => void;
}

type Counts = Pick<RepartitionMark, 'from' | 'to'>;

/**
 * Repartitions, or continues a repartitioning that was interrupted.
 *
 * @param wanted how many partitions the input should have; null for as many as it has
 * @throws RepartitionRefusedError, and what the ports throw: then run it again
 */
export async function repartition(ports: RepartitionPorts, wanted: number | null): Promise<void> {
  const { input, report } = ports;
  await mustBeStopped(ports);
  const marks = await readMarks(ports);
  const counts = await countsOf(ports, marks, wanted);
  if (counts === null) return report(`nothing to do: the changelog already has as many partitions as ${input}`);
  mustNotGrowAsShadow(ports, counts, marks.length);
  const { from, to } = counts;
  const begun = marks.some((mark) => mark !== null);
  if (!begun) await fenceConsumed(ports, counts);

  // If it was begun before, some companies may have moved.
  const before = await survey(ports, begun ? [from, to] : [from]);
  if (!begun) mustSpeakOfAll(before, await committedOffsets(ports, from), ports);
  report(`moving ${before.rows} rows from ${from} to ${to} partitions`);
  await mark(ports, counts, range(0, from), marks);
  await grow(ports, input, to);
  await mark(ports, counts, range(from, to), marks);
  await grow(ports, ports.changelog, to);
  for (const partition of range(0, to))
    if ((await readMark(ports, partition))?.moved !== true) await movePartition(ports, counts, partition);
  await checkAndUnmark(ports, counts, before);
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

async function readMarks(ports: RepartitionPorts): Promise<(RepartitionMark | null)[]> {
  const all = range(0, await countOf(ports, ports.input));
  return Promise.all(all.map((partition) => readMark(ports, partition)));
}

async function readMark({ logs, input: topic }: RepartitionPorts, partition: number): Promise<RepartitionMark | null> {
  return decodeRepartitionMark((await logs.committedOffset({ topic, partition }))?.offset ?? null);
}

function committedOffsets({ logs, input: topic }: RepartitionPorts, count: number): Promise<(number | null)[]> {
  const committed = async (partition: number) => (await logs.committedOffset({ topic, partition }))?.offset ?? null;
  return Promise.all(range(0, count).map(committed));
}

/**
 * Fences, so that the offsets are final. A refusal after the first fencing must be rare, so all is checked before it.
 */
async function fenceConsumed(ports: RepartitionPorts, { from }: Counts): Promise<void> {
  await mustHaveNothingOpen(ports, from);
  await mustBeConsumed(ports, from);
  for (const partition of range(0, from)) await (await fence(ports, partition)).discard();
  await mustBeConsumed(ports, from);
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

/** @throws RepartitionRefusedError if a company is not in the partition that the default partitioner chooses */
async function survey(ports: RepartitionPorts, counts: readonly number[]): Promise<Survey> {
  const { logs, changelog, input } = ports;
  const mayHold = (partition: number, companyId: Buffer) =>
    counts.some((count) => partitionOfKey(companyId, count) === partition);
  try {
    return await surveyChangelog(logs, changelog, await countOf(ports, changelog), mayHold);
  } catch (error) {
    if (!(error instanceof MisplacedRowError)) throw error;
    throw new RepartitionRefusedError(
      `${error.message}, which the default partitioner did not choose: a writer of ${input} uses another partitioner, or ` +
        `has written after the input had grown. Then the state cannot be moved: ${BEGIN_AGAIN}`,
      { cause: error },
    );
  }
}

/** Marks the partitions that have no mark yet. */
async function mark(
  { group, input, report }: RepartitionPorts,
  { from, to }: Counts,
  partitions: readonly number[],
  marks: readonly (RepartitionMark | null)[],
): Promise<void> {
  const unmarked = partitions.filter((partition) => marks[partition] == null);
  if (unmarked.length === 0) return;
  const offset = encodeRepartitionMark({ from, to, moved: false });
  await group.setOffsets(input, new Map(unmarked.map((partition) => [partition, offset])));
  report(
    `marked partitions ${unmarked[0]} to ${unmarked.at(-1)}: they do not run until the repartitioning is finished`,
  );
}

async function grow(ports: RepartitionPorts, topic: string, to: number): Promise<void> {
  if ((await countOf(ports, topic)) >= to) return;
  await ports.admin.grow(topic, to);
  ports.report(`${topic} has ${to} partitions`);
}

async function movePartition(ports: RepartitionPorts, counts: Counts, partition: number): Promise<void> {
  const { changelog, input: topic, logs } = ports;
  const producer = await fence(ports, partition);
  try {
    const { start, end } = await boundsByMost(logs, { topic, partition });
    await producer.begin(range(0, counts.to).map((p) => ({ topic: changelog, partition: p })));
    const moved = await withRows(logs, { topic: changelog, partition }, async (pairs) => {
      const mover = new RowMover(producer, changelog, partition, counts.to);
      for await (const pair of pairs) await mover.take(pair);
      // An old partition without a position row has consumed nothing, and has nothing to consume. A new one consumes
      // all.
      return mover.finish(topic, partition < counts.from ? end : start);
    });
    const movedMark = { offset: encodeRepartitionMark({ ...counts, moved: true }), leaderEpoch: -1 };
    await producer.sendOffset({ topic, partition }, movedMark);
    await producer.commit();
    ports.report(`partition ${partition}: ${moved} rows moved`);
  } finally {
    await producer.discard();
  }
}

async function checkAndUnmark(ports: RepartitionPorts, { to }: Counts, before: Survey): Promise<void> {
  const isAtHome = (partition: number, companyId: Buffer) => partitionOfKey(companyId, to) === partition;
  const after = await surveyChangelog(ports.logs, ports.changelog, to, isAtHome);
  if (after.rows !== before.rows || after.sum !== before.sum)
    throw new Error(
      `there were ${before.rows} rows (sum ${before.sum}) and now there are ${after.rows} (sum ${after.sum}): ` +
        `the partitions stay stopped. See "More partitions" in docs/architecture.md`,
    );
  const offsets = new Map<number, number>();
  after.positions.forEach((position, partition) => {
    if (position === null) throw new Error(`partition ${partition} has no position row: the partitions stay stopped`);
    offsets.set(partition, position);
  });
  ports.report(`checked: ${after.rows} rows, each in the partition of its company's key`);
  await ports.group.setOffsets(ports.input, offsets);
  ports.report(`done: start the processor, on ${to} partitions`);
}

function fence(ports: RepartitionPorts, partition: number) {
  return ports.transactions.fence(transactionalIdOf(ports, partition));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
