/**
 * Moves the state to where companies are written after the input got more partitions, while no instance runs:
 *
 *   survey    every row is read and counted; all that was written has been consumed
 *   mark      the group's offsets become marks, which stop every partition of an instance that starts meanwhile
 *   grow      the input, then the changelog
 *   move      partition by partition, each in one transaction: the rows of others go to them, tombstones stay, and the
 *             partition's mark says that it is done
 *   check     every row is read and counted again, and is where its company's key goes
 *   unmark    the group's offsets become those that the position rows say
 *
 * Killed at any point, it goes on from there when it is run again: the marks say how far it has come. Holds keep the
 * partition and offset that they are named by, and so do the offsets in rows: they are names of records by then.
 */
import type { TopicPartition } from '../lib/record.js';
import type { LogBounds, Logs, Transactions } from '../pipeline/ports.js';
import { hasOpenTransaction } from '../pipeline/partition-view.js';
import { decodeRepartitionMark, encodeRepartitionMark, type RepartitionMark } from '../pipeline/repartition-mark.js';
import { withRows } from './changelog-rows-on-disk.js';
import { MisplacedRowError, surveyChangelog, type Survey } from './changelog-survey.js';
import { BEGIN_ANEW } from '../kafka/topics/input-growth.js';
import { partitionOfKey } from '../kafka/transactions/partitioner.js';
import { RowMover } from './row-mover.js';
import { stopFirst, type StoppedGroup } from '../kafka/group/stopped-group.js';
import type { TopicAdmin } from '../kafka/topics/topic-admin.js';

/** It cannot be done as things are; the message says what to do. */
export class RepartitionRefusedError extends Error {
  override readonly name = 'RepartitionRefusedError';
}

export interface RepartitionPorts {
  readonly applicationId: string;
  readonly input: string;
  readonly changelog: string;
  /** The deployment whose input it is, where this is a shadow of it: only that one may let it grow. */
  readonly shadowOf: string | null;
  readonly logs: Logs;
  readonly transactions: Transactions;
  readonly admin: Pick<TopicAdmin, 'countPartitions' | 'grow'>;
  readonly group: Pick<StoppedGroup, 'members' | 'setOffsets'>;
  /** Called with each step once it is done. */
  readonly report: (line: string) => void;
}

type Counts = Pick<RepartitionMark, 'from' | 'to'>;

/**
 * @param wanted how many partitions the input is to have; null for as many as it has
 * @throws RepartitionRefusedError, and what the ports throw; run it again then
 */
export async function repartition(ports: RepartitionPorts, wanted: number | null): Promise<void> {
  const { input, report } = ports;
  await mustBeStopped(ports);
  const marks = await readMarks(ports);
  const counts = await countsOf(ports, marks, wanted);
  if (counts === null) return report(`nothing to do: the changelog has as many partitions as ${input}`);
  mustNotGrowAsShadow(ports, counts, marks.length);
  const { from, to } = counts;
  const begun = marks.some((mark) => mark !== null);
  if (!begun) await mustBeConsumed(ports, counts);

  // Once begun, some companies may have moved.
  const before = await survey(ports, begun ? [from, to] : [from]);
  if (!begun) mustSpeakOfAll(before, await committedOffsets(ports, from), ports);
  report(`${before.rows} rows in ${from} partitions are to be spread over ${to}`);
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

async function countOf({ admin }: RepartitionPorts, topic: string): Promise<number> {
  const count = await admin.countPartitions(topic);
  if (count === null) throw new RepartitionRefusedError(`topic ${topic} does not exist`);
  return count;
}

/** Null where there is nothing to do. */
async function countsOf(
  ports: RepartitionPorts,
  marks: readonly (RepartitionMark | null)[],
  wanted: number | null,
): Promise<Counts | null> {
  const begun = marks.find((mark) => mark !== null);
  if (begun != null) {
    if (wanted !== null && wanted !== begun.to)
      throw new RepartitionRefusedError(
        `one from ${begun.from} to ${begun.to} partitions was begun: finish that first`,
      );
    return begun;
  }
  const [inputs, changelogs] = [marks.length, await countOf(ports, ports.changelog)];
  const to = wanted ?? inputs;
  if (to < inputs || to < changelogs)
    throw new RepartitionRefusedError(
      `${ports.input} has ${inputs} partitions and the changelog ${changelogs}: partitions cannot become fewer than that`,
    );
  return to === changelogs ? null : { from: changelogs, to };
}

function mustNotGrowAsShadow({ shadowOf, input }: RepartitionPorts, { to }: Counts, inputs: number): void {
  if (shadowOf === null || to <= inputs) return;
  throw new RepartitionRefusedError(
    `${input} has ${inputs} partitions and is shared with ${shadowOf}, whose companies would go on where they have no ` +
      `state: repartition ${shadowOf} first, without --shadow, and then the shadow`,
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

/** @throws RepartitionRefusedError while too few brokers answer: one that is cut off would give an old end */
async function boundsByMost(logs: Logs, at: TopicPartition): Promise<LogBounds> {
  const bounds = await logs.bounds(at);
  if (bounds.byMost) return bounds;
  throw new RepartitionRefusedError(
    `too few brokers answer to know who leads ${at.topic}/${at.partition}: try again later`,
  );
}

/** Before it is fenced: the coordinator knows how it ended only until then. */
async function mustBeWhole({ logs, changelog: topic }: RepartitionPorts, partition: number): Promise<void> {
  const bounds = await boundsByMost(logs, { topic, partition });
  if (!hasOpenTransaction(bounds)) return;
  throw new RepartitionRefusedError(
    `partition ${topic}/${partition} has a transaction open from offset ${bounds.end} on: start an instance, which ends it, and ` +
      'stop it again',
  );
}

/** Whatever is left unread would be read with the state of other companies. Fenced first, so that the offsets are final. */
async function mustBeConsumed(ports: RepartitionPorts, { from }: Counts): Promise<void> {
  const { logs, input: topic } = ports;
  for (const partition of range(0, from)) {
    await mustBeWhole(ports, partition);
    await (await fence(ports, partition)).discard();
    const bounds = await boundsByMost(logs, { topic, partition });
    const { start, end } = bounds;
    if (hasOpenTransaction(bounds))
      throw new RepartitionRefusedError(
        `partition ${topic}/${partition} has a transaction open from offset ${end} on, and what follows cannot be consumed ` +
          'before it ends: `company-sync doctor` says what to do where it does not',
      );
    const position = (await logs.committedOffset({ topic, partition }))?.offset ?? start;
    if (position === end) continue;
    throw new RepartitionRefusedError(
      `partition ${topic}/${partition} is consumed up to ${position} and ends at ${end}: stop all who write to ${topic}, ` +
        `let the processor consume the rest, stop it, and only then repartition. Where the input has grown already, ` +
        `that is too late: ${BEGIN_ANEW}`,
    );
  }
}

function mustSpeakOfAll({ positions }: Survey, committed: readonly (number | null)[], { input }: RepartitionPorts) {
  positions.forEach((position, partition) => {
    if (position !== (committed[partition] ?? null))
      throw new RepartitionRefusedError(
        `partition ${input}/${partition}: the changelog speaks up to ${position ?? 'nothing'} and the group's offset is ` +
          `${committed[partition] ?? 'not there'}: start the processor, which says what to do, and let it consume everything`,
      );
  });
}

/** @throws RepartitionRefusedError where companies are not where the default partitioner puts them */
async function survey(ports: RepartitionPorts, counts: readonly number[]): Promise<Survey> {
  const { logs, changelog, input } = ports;
  const mayHold = (partition: number, companyId: Buffer) =>
    counts.some((count) => partitionOfKey(companyId, count) === partition);
  try {
    return await surveyChangelog(logs, changelog, await countOf(ports, changelog), mayHold);
  } catch (error) {
    if (!(error instanceof MisplacedRowError)) throw error;
    throw new RepartitionRefusedError(
      `${error.message}, where the default partitioner did not put it: a writer of ${input} uses another one, ` +
        `or went on after it had grown. The state cannot be moved then: ${BEGIN_ANEW}`,
      { cause: error },
    );
  }
}

/** Marks those that have no mark yet. */
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
  report(`partitions ${unmarked[0]} to ${unmarked.at(-1)} are stopped until this is finished`);
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
      // An old one without a position row has consumed nothing and has nothing to consume; a new one consumes it all.
      return mover.finish(topic, partition < counts.from ? end : start);
    });
    const mark = { offset: encodeRepartitionMark({ ...counts, moved: true }), leaderEpoch: -1 };
    await producer.sendOffset({ topic, partition }, mark);
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
        `the partitions stay stopped`,
    );
  const offsets = new Map<number, number>();
  after.positions.forEach((position, partition) => {
    if (position === null) throw new Error(`partition ${partition} has no position row: the partitions stay stopped`);
    offsets.set(partition, position);
  });
  ports.report(`checked: ${after.rows} rows, each where its company is written now`);
  await ports.group.setOffsets(ports.input, offsets);
  ports.report(`done: the processor can be started on ${to} partitions`);
}

function fence({ transactions, applicationId, input }: RepartitionPorts, partition: number) {
  return transactions.fence(`${applicationId}-${input}-${partition}`);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
