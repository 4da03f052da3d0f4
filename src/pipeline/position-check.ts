/** Whether a partition may run: the changelog, the committed offset and the input must tell one story. Pure. */
import type { PositionRow } from '../store/row-codec.js';
import { InconsistentPositionError } from './errors.js';
import type { LogBounds } from './ports.js';
import { decodeRepartitionMark } from './repartition-mark.js';

export interface PositionFacts {
  readonly applicationId: string;
  readonly topic: string;
  readonly partition: number;
  /** What the changelog says, after it was replayed to its end; null where it has no position row. */
  readonly changelog: PositionRow | null;
  /** The group's committed offset, read after fencing; null where there is none. */
  readonly committed: number | null;
  readonly input: Pick<LogBounds, 'start' | 'end'>;
}

/**
 * The offset from which the input is read on.
 *
 * The state of the changelog and the committed offset were written in one transaction, so they are equal unless
 * someone, or retention, changed one of them. Running on then would announce companies twice or never.
 *
 * Consent: an operator who has understood the message sets the group's offset to the number in it. Where the state's
 * own position has left the log, that number is the log's start, and a committed offset of exactly that is the consent.
 *
 * @throws InconsistentPositionError with both numbers and what to do
 */
export function startOffset(facts: PositionFacts): number {
  const { changelog, committed, input } = facts;
  const mark = decodeRepartitionMark(committed);
  if (mark !== null)
    throw new InconsistentPositionError(
      `partition ${facts.topic}/${facts.partition} is stopped: its state is being moved from ${mark.from} to ${mark.to} ` +
        'partitions. Stop all instances and run `company-sync repartition`, which goes on where it was ended',
    );
  if (changelog === null) return firstStart(facts);
  if (changelog.topic !== facts.topic)
    throw fault(facts, `its state was built from topic ${changelog.topic}: an application id has one input topic`);

  const position = changelog.offset;
  const inLog = position >= input.start && position <= input.end;
  if (inLog && committed === position) return position;
  if (!inLog && committed === input.start) return input.start;

  const seen = `the state speaks up to offset ${position}, the group's offset is ${committed ?? 'not there'}`;
  if (inLog) throw fault(facts, `${seen}. To run on from the state, set the group's offset to ${position}`);
  throw fault(
    facts,
    `${seen}, and the input now holds ${input.start} to ${input.end}: records were lost or the topic was recreated. ` +
      `To accept that and run on from the log's start, set the group's offset to ${input.start}`,
  );
}

function firstStart(facts: PositionFacts): number {
  const { committed, input } = facts;
  // An offset of 0 at a log that starts at 0 says no more than no offset at all: nothing was consumed yet.
  if (committed === null || (committed === 0 && input.start === 0)) return input.start;
  const found =
    `the group's offset is ${committed} and the changelog has no state (position not there): the changelog was lost, ` +
    `or the offset was set by hand. To build the state anew from the log's start, which announces again what the ` +
    `input still holds`;
  if (input.start === 0) throw fault(facts, `${found}, set the group's offset to 0`);
  // An idle partition may have its offset at the log's start by itself, so only deleting it is a consent.
  throw new InconsistentPositionError(
    `partition ${facts.topic}/${facts.partition} is stopped: ${found} (offset ${input.start}), delete the group's ` +
      `offset (stop all instances, then kafka-consumer-groups.sh --bootstrap-server ... ` +
      `--group ${facts.applicationId} --topic ${facts.topic}:${facts.partition} --delete-offsets)`,
  );
}

function fault({ applicationId, topic, partition }: PositionFacts, what: string): InconsistentPositionError {
  return new InconsistentPositionError(
    `partition ${topic}/${partition} is stopped: ${what} (stop all instances, then kafka-consumer-groups.sh ` +
      `--bootstrap-server ... --group ${applicationId} --topic ${topic}:${partition} --reset-offsets --to-offset N --execute)`,
  );
}
