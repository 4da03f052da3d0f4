/**
 * Where the simulated Kafka differs from a real one on purpose, and what no scenario compares. docs/reliability.md has
 * the same tables.
 */
import type { Difference } from './scenario.js';

export interface NotCompared {
  readonly what: string;
  /** The fields of answers that are left out because of it. */
  readonly fields?: readonly string[];
  readonly reason: string;
}

/** One answer of one scenario. The three texts are as the command prints them. */
export interface AcceptedDifference extends Difference {
  readonly scenario: string;
  readonly reason: string;
}

export const NOT_COMPARED: readonly NotCompared[] = [
  {
    what: 'throttle times',
    fields: ['clientSideThrottleTime', 'throttleMs'],
    reason: 'they depend on the load of the real broker',
  },
  {
    what: 'addresses of brokers and clients',
    fields: ['clientHost', 'address'],
    reason: 'each cluster has its own. FindCoordinator is compared by the place of the broker',
  },
  {
    what: 'ids of producers, members and topics',
    reason: 'each cluster makes its own. They are compared by their role, such as `producer 1`',
  },
  {
    what: 'ids of brokers',
    reason: 'they are compared by their place. The third place is the active controller, which no scenario freezes',
  },
  { what: 'timestamps and checksums of batches', reason: 'they depend on the time of the run' },
  { what: 'the order of the members of a group', reason: 'a real broker lists them in no order' },
  {
    what: 'answers of a coordinator that is not ready: COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE and, from the new coordinator, NOT_COORDINATOR',
    reason: 'how long it loads depends on the machine. The scenario asks again until it has another answer',
  },
  {
    what: 'how many batches an answer to Fetch has in a log of several segments',
    reason: 'a real answer ends with its segment, and the model has no segments. The scenario reads the whole log',
  },
  {
    what: 'CONCURRENT_TRANSACTIONS while markers are written',
    reason: 'how long this takes depends on the machine. The scenario asks again until it has another answer',
  },
];

export const ACCEPTED: readonly AcceptedDifference[] = [
  {
    scenario: 'a log is compacted',
    step: '8. the batch of the tombstone',
    real: '{"baseOffset":"5","length":60,"leaderEpoch":0,"attributes":64,"lastOffsetDelta":0,"producerId":"-1","producerEpoch":-1,"baseSequence":-1,"count":1}',
    simulated:
      '{"baseOffset":"5","length":57,"leaderEpoch":0,"attributes":0,"lastOffsetDelta":0,"producerId":"-1","producerEpoch":-1,"baseSequence":-1,"count":1}',
    reason:
      'a log cleaner writes into the batch when it may remove the tombstone. The model computes this from the timestamp',
  },
];

export interface Judgement {
  /** Those that are in the table. */
  readonly accepted: readonly AcceptedDifference[];
  /** Those that are not in the table, and those of the table that no longer exist. */
  readonly refused: readonly Difference[];
}

export function judge(
  scenario: string,
  found: readonly Difference[],
  table: readonly AcceptedDifference[] = ACCEPTED,
): Judgement {
  const ofScenario = table.filter((each) => each.scenario === scenario);
  const isIn = (differences: readonly Difference[], { step, real, simulated }: Difference): boolean =>
    differences.some((each) => each.step === step && each.real === real && each.simulated === simulated);
  const gone = ofScenario.filter((each) => !isIn(found, each));
  return {
    accepted: ofScenario.filter((each) => isIn(found, each)),
    refused: [
      ...found.filter((each) => !isIn(ofScenario, each)),
      ...gone.map((each) => ({ ...each, step: `${each.step}: accepted, but no longer so. Remove it from the table` })),
    ],
  };
}

/** Both tables as Markdown. */
export function acceptedDifferences(table: readonly AcceptedDifference[] = ACCEPTED): string {
  const accepted = table.map(
    ({ scenario, step, real, simulated, reason }) =>
      `| ${scenario}: ${step} | \`${real}\` | \`${simulated}\` | ${reason} |`,
  );
  return [
    '| not compared | reason |',
    '| --- | --- |',
    ...NOT_COMPARED.map(({ what, reason }) => `| ${what} | ${reason} |`),
    '',
    ...(accepted.length === 0
      ? ['No answer differs on purpose.']
      : ['| answer | real | simulated | reason |', '| --- | --- | --- | --- |', ...accepted]),
  ].join('\n');
}
