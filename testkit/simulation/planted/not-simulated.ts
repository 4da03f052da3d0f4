/** Rules that no search can break today, because the simulation lacks what they guard against. A test guards each. */

export interface NotSimulated {
  /** What a changed program would do wrong. */
  readonly fault: string;
  /** What the simulation lacks. */
  readonly lacks: string;
  /** The file of the test that fails instead. */
  readonly test: string;
}

function covered(fault: string, lacks: string, test: string): NotSimulated {
  return { fault, lacks, test: `test/${test}.test.ts` };
}

export const NOT_SIMULATED: readonly NotSimulated[] = [
  covered(
    'the id of a changelog that was created again is not compared',
    'an operator that keeps the state folders',
    'unit/pipeline/take-over',
  ),
  covered(
    'the outcome of an open transaction is guessed',
    'brokers that leave a transaction open',
    'unit/pipeline/fence',
  ),
  covered(
    'a failed transaction is aborted late',
    'brokers that leave a transaction open',
    'unit/kafka/transactions/transactional-producer',
  ),
  covered('lost transactions are not noticed', 'logs that lose commits', 'unit/pipeline/lost-tail'),
  covered('the only copy of rows is set aside', 'commits aborted in one log', 'unit/pipeline/only-copy'),
  covered('an idle store makes no notes', 'runs of weeks', 'unit/pipeline/at-end-notes'),
  covered(
    'a failed batch keeps its size',
    'batches that are slow because of their size',
    'unit/pipeline/slow-partition',
  ),
  covered('written topics do not grow', 'topics that grow', 'unit/kafka/topics/outbound-growth'),
  covered(
    'one denial makes a schema id unknown',
    'registries that deny an id that they have',
    'unit/decode/registry-brake',
  ),
  covered('new status words are not counted', 'instances of two releases', 'unit/pipeline/recount-pass'),
  covered(
    'no heartbeat after a clock was set back',
    'a copy of the patches of kafkajs',
    'unit/simulation/clock-set-back',
  ),
  covered('waits leave listeners behind', 'a count of listeners', 'unit/pipeline/idle-growth'),
  covered('a fault without progress is not reported', 'a check of reports', 'unit/pipeline/partition-task'),
  covered(
    'partitions that the input does not have are accepted',
    'members that send wrong data',
    'unit/kafka/group/assignor',
  ),
];
