/** Decides whether a partition may run: the changelog, the group's offset and the input must agree. Changes nothing. */
import { InconsistentPositionError } from './errors.js';
import { commandToSet, judgePositions, type Choice, type Positions } from './position-choices.js';

/**
 * The offset from which the input is read next.
 *
 * One transaction writes the state in the changelog and the group's offset. So they are equal, unless an operator or
 * retention changed one of them. If the partition continued then, companies could be announced twice or never. An
 * operator consents by setting the group's offset to the offset of a choice (position-choices.ts).
 *
 * @param positions `committed` is read after fencing
 * @throws InconsistentPositionError with the numbers and the steps to take
 */
export function startOffset(positions: Positions): number {
  const { startsAt, choices, remedy, verdict } = judgePositions(positions);
  if (startsAt !== null) return startsAt;
  const { topic, partition } = positions;
  const whatToDo = remedy ?? choices.map((choice) => asAdvice(partition, choice)).join(' Or: ');
  throw new InconsistentPositionError(
    `partition ${topic}/${partition} is blocked (${verdict}): ${factsOf(positions)}. Stop all instances, and ${whatToDo}`,
  );
}

/**
 * Whether the group's offset shows that an operator has consented to a loss. Then the input is read from its start
 * although the state covers more, or from the offset after a batch that cannot be read, or from before lost transactions.
 */
export function acceptsLoss(positions: Positions): boolean {
  const { verdict } = judgePositions(positions);
  const skipsLostTail = verdict === 'consistent' && positions.lostTail?.isAccepted === true;
  return verdict === 'loss accepted' || verdict === 'batch skipped' || skipsLostTail;
}

function asAdvice(partition: number, { target, loses }: Choice): string {
  return (
    `run \`${commandToSet(partition, target)}\` with the settings of this instance. ${loses} ` +
    '`company-sync positions show` lists all partitions'
  );
}

function factsOf(positions: Positions): string {
  const { changelog, committed, input, inputRecreated, inputLostFrom = null, formerState = null, lostTail } = positions;
  const state =
    changelog === null ? 'the changelog has no state' : `the state covers the input up to offset ${changelog.offset}`;
  const offset = committed === null ? "the group's offset is missing" : `the group's offset is ${committed}`;
  const recreated = inputRecreated === true ? ', and is not the topic that the state was built from' : '';
  const lost =
    inputLostFrom === null || inputRecreated === true
      ? ''
      : `, and has lost the consumed records from offset ${inputLostFrom} on`;
  const former = formerState === null ? '' : `. But ${formerState}, so the partition had state`;
  const tail =
    lostTail == null ? '' : `. But a state folder of this instance had followed it up to offset ${lostTail.upTo}`;
  return `${state}, ${offset}, and the input holds ${input.start} to ${input.end}${recreated}${lost}${former}${tail}`;
}
