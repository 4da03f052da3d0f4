/**
 * Decides whether the positions of a partition agree and, if they do not, what an operator can choose. Pure.
 *
 * A choice is exactly the state that the check of a take-over (`position-check.ts`) accepts. When the group's offset is
 * set to the choice, the partition continues from `startsAt`.
 */
import type { PositionRow } from '../store/row-codec.js';
import { COMPLETE_OR_LOST } from './last-rows.js';
import type { LogBounds } from './ports.js';
import { announcedAgain, isConsent, repeats, whatToDoAbout, type LostTail } from './lost-tail.js';
import { decodeRepartitionMark, finishRepartition } from './repartition-mark.js';
import { endIsUnknown, LOSES_BATCH, type UnreadableBatch } from './unreadable-batch.js';

export interface Positions {
  /** The input topic. */
  readonly topic: string;
  readonly partition: number;
  /** The last position row in the changelog; null if the changelog has no position row. */
  readonly changelog: PositionRow | null;
  /** First offset of the changelog. If it is above 0, records were deleted. */
  readonly changelogStart: number;
  /** As `isCut` (last-rows.ts). */
  readonly changelogCut: boolean;
  /** The group's offset; null if no offset is committed. */
  readonly committed: number | null;
  /** The leader epoch that a transaction of the processor has committed with it; -1 if none has. */
  readonly committedIn: number;
  readonly input: Pick<LogBounds, 'start' | 'end'>;
  /** Whether the input is known to be a new topic with the name of the topic that the state was built from. */
  readonly inputRecreated?: boolean;
  /** The input batch at the state's position, if it is known to be unreadable. */
  readonly unreadable?: UnreadableBatch | null;
  /**
   * The first offset of consumed records that the input has lost since (unclean leader election). From this offset on,
   * the input has other records. Null if no loss is known.
   */
  readonly inputLostFrom?: number | null;
  /** What shows that the partition had state, if it has no state and no offset now. Null if nothing shows it. */
  readonly formerState?: string | null;
  /** Transactions that changelog and group's offset have both lost. Null if none are known. */
  readonly lostTail?: LostTail | null;
}

export type Verdict =
  // The partition runs:
  | 'consistent'
  | 'nothing consumed yet'
  | 'loss accepted'
  | 'batch skipped'
  // An operator has to choose:
  | 'offset missing'
  | 'offset differs'
  | 'position outside the log'
  | 'input recreated'
  | 'input lost records'
  | 'no state'
  | 'batch unreadable'
  // Another command, or another configuration, is needed:
  | 'transactions lost'
  | 'repartition mark'
  | 'changelog incomplete'
  | 'changelog cut'
  | 'state of another topic';

/**
 * `state`: continue from the state's own position. `log-start`: read everything that the input still contains.
 * `after-batch`: skip the batch that cannot be read.
 */
export type Target = 'state' | 'log-start' | 'after-batch';
export const TARGETS: readonly Target[] = ['state', 'log-start', 'after-batch'];

export interface Choice {
  readonly target: Target;
  /** The new offset of the group. */
  readonly offset: number;
  /** Where the input is read from afterwards. */
  readonly startsAt: number;
  /** What is lost, skipped or announced again, in sentences. */
  readonly loses: string;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** Where the input is read from at the next start; null while the partition is blocked. */
  readonly startsAt: number | null;
  /**
   * The choices of an operator. Empty if the partition runs, or if `remedy` is needed. Exception: a partition that has
   * consumed nothing runs, and has a choice. An instance may know that it had state.
   */
  readonly choices: readonly Choice[];
  /** What to do if setting the group's offset does not help; otherwise null. */
  readonly remedy: string | null;
}

export function judgePositions(positions: Positions): Judgement {
  const { changelog, committed, input } = positions;
  const mark = decodeRepartitionMark(committed);
  if (mark !== null) return needs('repartition mark', finishRepartition(mark));
  if (positions.changelogStart > 0)
    return needs(
      'changelog incomplete',
      `records of the changelog below offset ${positions.changelogStart} were deleted: docs/operations.md, "The changelog is lost"`,
    );
  if (positions.changelogCut) return needs('changelog cut', COMPLETE_OR_LOST);
  if (changelog === null) return judgeWithoutState(positions);
  if (changelog.topic !== positions.topic)
    return needs(
      'state of another topic',
      `the state was built from topic ${changelog.topic}, and an application id has one input topic: check TOPIC_SYNC_EVENTS`,
    );
  const { offset } = changelog;
  const isUsable = positions.inputRecreated !== true && offset >= input.start && offset <= input.end;
  // If the topic was created again, the offset of the former topic has no meaning.
  const lostFrom = positions.inputRecreated === true ? null : (positions.inputLostFrom ?? null);
  // Checked first: an offset set by an operator has no leader epoch, so another choice would hide the loss.
  if (isUsable && committed === offset && lostFrom !== null)
    return choose('input lost records', skipWhatReplacedThem(positions, offset, lostFrom));
  const { lostTail = null, unreadable } = positions;
  if (isUsable && committed === offset && lostTail?.isAccepted === false)
    return needs('transactions lost', whatToDoAbout(lostTail, offset));
  if (isUsable && unreadable != null) {
    const { firstOffset, nextOffset } = unreadable;
    const isKnown = nextOffset !== null && nextOffset > offset && nextOffset <= input.end;
    if (isKnown && isConsent(positions, nextOffset)) return runs('batch skipped', nextOffset);
    if (isKnown && committed === offset) return choose('batch unreadable', skip({ firstOffset, nextOffset }));
    if (committed === offset) return needs('batch unreadable', endIsUnknown(firstOffset));
  }
  if (isUsable && committed === offset) return runs('consistent', offset);
  if (isUsable)
    return choose(
      committed === null ? 'offset missing' : 'offset differs',
      runOnFromState(positions, offset, lostFrom),
    );
  if (isConsent(positions, input.start)) return runs('loss accepted', input.start);
  if (lostFrom !== null && offset > input.end)
    return choose('input lost records', readAllAgain(positions, offset, lostFrom));
  const verdict = positions.inputRecreated === true ? 'input recreated' : 'position outside the log';
  return choose(verdict, leavePosition(positions, offset));
}

/** The command that makes the choice, without settings. */
export function commandToSet(partition: number, target: Target): string {
  return `company-sync positions set --partition ${partition} --to ${target}`;
}

/** What to do about an input batch that cannot be read, other than raising MAX_BATCH_BYTES. */
export function skipBatch(partition: number, nextOffset: number): string {
  return (
    `Or skip the batch: stop all instances and run \`${commandToSet(partition, 'after-batch')}\`, with the settings of ` +
    `this instance, which sets the group's offset to ${nextOffset}. ${LOSES_BATCH}`
  );
}

function skip({ firstOffset, nextOffset }: { readonly firstOffset: number; readonly nextOffset: number }): Choice {
  const loses = `The batch of offsets ${firstOffset} to ${nextOffset - 1} cannot be read. ${LOSES_BATCH}`;
  return { target: 'after-batch', offset: nextOffset, startsAt: nextOffset, loses };
}

/**
 * The group's offset with which an operator consents to begin without state, wherever the log starts. The start of the log
 * would not do: an idle partition may have its offset there without a consent.
 */
export const CONSUMED_NOTHING = 0;

function judgeWithoutState(positions: Positions): Judgement {
  const { committed, input, formerState = null } = positions;
  if (isConsent(positions, CONSUMED_NOTHING)) return runs('loss accepted', input.start);
  const choice = buildAgain(positions);
  // The processor commits 0 too, for a partition without records.
  if ((committed ?? CONSUMED_NOTHING) !== CONSUMED_NOTHING || formerState !== null) return choose('no state', choice);
  return { ...runs('nothing consumed yet', input.start), choices: [choice] };
}

/**
 * One transaction wrote the state and the offset. If the state is behind the offset, some of its decisions may be lost.
 */
const IF_SET_FORWARD =
  "If an operator has set the group's offset forward, nothing is lost, and nothing is announced twice. Otherwise the " +
  'changelog has lost records (unclean leader election, or a transaction that was aborted there alone): then a company ' +
  'that is completed by the records read again is announced again, with the same event id. The instance that ran the ' +
  'partition before may still have these records in its state folder: "The changelog has lost records" in docs/operations.md.';

/** One transaction wrote the state and the offset. If the offset is behind, the announcements may be missing too. */
function ifSetBack({ topic, partition, lostTail }: Positions, from: number, to: number): string {
  return (
    "If an operator has set the group's offset back, nothing is lost. Otherwise a transaction was aborted at the group's " +
    `offset, and maybe in the topic of announcements: then announcements of ${topic}/${partition} with a source.offset from ` +
    `${from} to ${to - 1} may be missing, and are not made again. How to find them: docs/operations.md, "The group's ` +
    `offset is behind the state". ${repeats(lostTail, to)}`
  );
}

function runOnFromState(positions: Positions, offset: number, lostFrom: number | null): Choice {
  const { topic, committed, input } = positions;
  const isBehind = committed !== null && committed > offset;
  const hasReadLost = lostFrom !== null && lostFrom < offset;
  const sentences = hasReadLost ? [lossOfReplaced(positions, offset, lostFrom)] : [];
  const isAhead = committed !== null && committed < offset;
  if (isAhead) sentences.push(ifSetBack(positions, committed, offset));
  else if (positions.lostTail != null) sentences.push(announcedAgain(positions.lostTail, offset));
  else if (isBehind) sentences.push(IF_SET_FORWARD);
  else if (!hasReadLost) sentences.push('Nothing is lost, and nothing is announced twice.');
  if (isBehind)
    sentences.push(`Up to ${counted(committed - offset, 'record')} below the group's present offset are read too.`);
  if (offset > input.start)
    sentences.push(
      `Exception: if ${topic} was deleted and created again, or is a copy from another cluster, the first ` +
        `${counted(offset - input.start, 'record')} would be skipped, and their companies may never be announced.`,
    );
  return { target: 'state', offset, startsAt: offset, loses: sentences.join(' ') };
}

function skipWhatReplacedThem(positions: Positions, offset: number, lostFrom: number): Choice {
  return { target: 'state', offset, startsAt: offset, loses: lossOfReplaced(positions, offset, lostFrom) };
}

function lossOfReplaced(positions: Positions, offset: number, lostFrom: number): string {
  return (
    `${whatIsLost(positions, offset, lostFrom)} The state contains them, and its decisions stay. ${repeats(positions.lostTail, offset)} ` +
    `The ${counted(offset - lostFrom, 'record')} that have these offsets now are skipped: ask the platform ` +
    'team to send them again, or a company whose manifest or last status is among them may never be announced.'
  );
}

function whatIsLost({ topic, partition }: Positions, offset: number, lostFrom: number): string {
  return (
    `The brokers have lost the records of ${topic}/${partition} from offset ${lostFrom} to ${offset - 1} (unclean leader ` +
    'election).'
  );
}

/** The log ends below the position. It is the same log, so waiting loses less. */
function readAllAgain(positions: Positions, offset: number, lostFrom: number): Choice {
  const { input, partition } = positions;
  const loses =
    `${whatIsLost(positions, offset, lostFrom)} The log ends at offset ${input.end} now. With this choice, the log is read from its start again: ` +
    `${counted(input.end - input.start, 'record')} at most. The state has read those below offset ${lostFrom} before, and ` +
    'they count again: a company that is not announced yet may be announced early. ' +
    `${repeats(positions.lostTail, input.start)} It is better to wait until the log has grown past offset ${offset}: then \`${commandToSet(partition, 'state')}\` is possible, which ` +
    'skips only the records that have the lost offsets by then.';
  return { target: 'log-start', offset: input.start, startsAt: input.start, loses };
}

function leavePosition(positions: Positions, offset: number): Choice {
  const { input } = positions;
  const isDeletedUnread = positions.inputRecreated !== true && offset < input.start;
  const loses = isDeletedUnread ? lossBelowStart(positions, offset) : lossOfFormerLog(positions);
  return { target: 'log-start', offset: input.start, startsAt: input.start, loses };
}

function lossBelowStart({ input: { start }, lostTail }: Positions, offset: number): string {
  return (
    `Up to ${counted(start - offset, 'record')} (offsets ${offset} to ${start - 1}) were deleted before they were read. ` +
    'A company whose manifest was among them may never be announced. A company whose last status was among them waits ' +
    `until the platform sends that status again. ${repeats(lostTail, start)}`
  );
}

function lossOfFormerLog({ input, lostTail }: Positions): string {
  return (
    'Records of the former log that were not read yet are lost: a company whose manifest was among them may never be ' +
    `announced. The log is read from its start: ${counted(input.end - input.start, 'record')} at most. ` +
    'If the state has read some of them before, they count again: a company that is not announced yet may be announced ' +
    `early. ${repeats(lostTail, input.start)}`
  );
}

function buildAgain({ input }: Positions): Choice {
  const sentences = [
    `The state is built again from what the input still holds: ${counted(input.end - input.start, 'record')} at most.`,
    'A company that those records complete is announced again, with the same event id.',
  ];
  if (input.start > 0)
    sentences.push(`A company whose manifest is below offset ${input.start} may never be announced.`);
  return { target: 'log-start', offset: CONSUMED_NOTHING, startsAt: input.start, loses: sentences.join(' ') };
}

/** These are numbers of offsets, which include transaction markers and compacted records. */
function counted(offsets: number, noun: string): string {
  return offsets === 1 ? `1 ${noun}` : `${offsets} ${noun}s`;
}

function runs(verdict: Verdict, startsAt: number): Judgement {
  return { verdict, startsAt, choices: [], remedy: null };
}

function choose(verdict: Verdict, choice: Choice): Judgement {
  return { verdict, startsAt: null, choices: [choice], remedy: null };
}

function needs(verdict: Verdict, remedy: string): Judgement {
  return { verdict, startsAt: null, choices: [], remedy };
}
