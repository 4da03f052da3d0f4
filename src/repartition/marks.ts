/**
 * The marks of a repartitioning, in place of the group's offsets. They say how far it has come, and what its first run
 * found before anything was moved.
 *
 *   begun     each old partition has a mark, with a note of the offset that the mark has replaced
 *   counted   the note of partition 0 also has the number and the sum of all rows. Only then the topics grow
 *   moved     the rows of the partition are in their new partitions. The note stays
 *
 * Later runs compare with these notes. If they counted again, they would accept a loss of rows.
 */
import type { CommittedOffset, Logs } from '../pipeline/ports.js';
import { decodeRepartitionMark, encodeRepartitionMark, type RepartitionMark } from '../pipeline/repartition-mark.js';
import type { StoppedGroup } from '../kafka/group/stopped-group.js';
import type { Survey } from './changelog-survey.js';

export interface MarkPorts {
  readonly input: string;
  readonly logs: Pick<Logs, 'committedOffset'>;
  readonly group: Pick<StoppedGroup, 'setOffsets' | 'deleteOffsets'>;
}

/** The old and the new number of partitions. */
export type Counts = Pick<RepartitionMark, 'from' | 'to'>;

/** What is noted of an old partition. */
interface Note {
  /** Where the input ended: everything below was consumed. */
  readonly consumed: number;
  /** Whether the group had an offset, which was `consumed`. */
  readonly hadOffset: boolean;
}

type RowCount = Pick<Survey, 'rows' | 'sum'>;

export interface FoundMark extends RepartitionMark {
  readonly note: Note | null;
  readonly count: RowCount | null;
  /** The note and the count, as they are stored. */
  readonly metadata: string | undefined;
}

/** What the first run found before anything was moved. */
export interface FirstCount extends RowCount {
  /** For each old partition, where its input ended. */
  readonly consumed: readonly number[];
}

/** Which partition's note has the count: one is sufficient, because all marks stay until the end. */
const COUNT_IS_IN = 0;

/** The marks of partitions 0 to `count - 1`; null for a partition without a mark. */
export function readMarks(ports: Omit<MarkPorts, 'group'>, count: number): Promise<(FoundMark | null)[]> {
  return Promise.all(Array.from({ length: count }, (_, partition) => readMark(ports, partition)));
}

export async function readMark(
  { logs, input: topic }: Omit<MarkPorts, 'group'>,
  partition: number,
): Promise<FoundMark | null> {
  const committed = await logs.committedOffset({ topic, partition });
  const mark = decodeRepartitionMark(committed?.offset ?? null);
  return mark === null ? null : { ...mark, ...parse(committed?.metadata), metadata: committed?.metadata };
}

/** What the first run found; null if it was interrupted before it had noted all. */
export function firstCountOf(marks: readonly (FoundMark | null)[], { from }: Counts): FirstCount | null {
  const consumed = marks.slice(0, from).flatMap((mark) => (mark?.note == null ? [] : [mark.note.consumed]));
  const count = marks[COUNT_IS_IN]?.count ?? null;
  return count === null || consumed.length < from ? null : { ...count, consumed };
}

/** Marks the old partitions, all at once. The marks do not have the count yet. */
export async function markOld({ group, input }: MarkPorts, counts: Counts, notes: readonly Note[]): Promise<void> {
  const offset = encodeRepartitionMark({ ...counts, moved: false });
  const texts = new Map(notes.map((note, partition) => [partition, textOf(note, null)]));
  await group.setOffsets(input, new Map(notes.map((_, partition) => [partition, offset])), texts);
}

/** Adds the count to the marks of `markOld`. */
export async function noteCount(
  { group, input }: MarkPorts,
  counts: Counts,
  note: Note | undefined,
  count: RowCount,
): Promise<void> {
  if (note === undefined) throw new Error('no old partition is marked');
  const offset = encodeRepartitionMark({ ...counts, moved: false });
  await group.setOffsets(input, new Map([[COUNT_IS_IN, offset]]), new Map([[COUNT_IS_IN, textOf(note, count)]]));
}

/** Marks new partitions. They have nothing to note. */
export async function markNew({ group, input }: MarkPorts, counts: Counts, partitions: readonly number[]) {
  const offset = encodeRepartitionMark({ ...counts, moved: false });
  await group.setOffsets(input, new Map(partitions.map((partition) => [partition, offset])));
}

/** The mark that replaces `mark` once its partition has moved. */
export function movedMark({ from, to, metadata }: FoundMark): CommittedOffset {
  const offset = encodeRepartitionMark({ from, to, moved: true });
  return metadata === undefined ? { offset, leaderEpoch: -1 } : { offset, leaderEpoch: -1, metadata };
}

/** Whether the marks can become the offsets again that they have replaced: nothing has moved, and each has a note. */
export function canBePutBack(marks: readonly (FoundMark | null)[]): boolean {
  return marks.every((mark) => mark === null || (!mark.moved && mark.note !== null));
}

/**
 * Makes the marks the offsets again that they have replaced. If it is interrupted, the rest are still marked, and no
 * longer have the count.
 */
export async function putBack({ group, input }: MarkPorts, marks: readonly (FoundMark | null)[]): Promise<void> {
  const notes = marks.flatMap((mark, partition) => (mark?.note == null ? [] : [{ partition, ...mark.note }]));
  const none = notes.filter(({ hadOffset }) => !hadOffset).map(({ partition }) => partition);
  const offsets = notes.filter(({ hadOffset }) => hadOffset);
  if (none.length > 0) await group.deleteOffsets(input, none);
  if (offsets.length > 0)
    await group.setOffsets(input, new Map(offsets.map(({ partition, consumed }) => [partition, consumed])));
}

function textOf(note: Note, count: RowCount | null): string {
  return JSON.stringify({ ...note, ...(count === null ? {} : { rows: count.rows, sum: String(count.sum) }) });
}

function parse(text: string | undefined): Pick<FoundMark, 'note' | 'count'> {
  const { consumed, hadOffset, rows, sum } = fieldsOf(text);
  const isNote = Number.isSafeInteger(consumed) && typeof hadOffset === 'boolean';
  const isCount = Number.isSafeInteger(rows) && typeof sum === 'string' && /^\d+$/.test(sum);
  return {
    note: isNote ? { consumed: consumed as number, hadOffset } : null,
    count: isCount ? { rows: rows as number, sum: BigInt(sum) } : null,
  };
}

/** Empty if the text is not one of ours. */
function fieldsOf(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
