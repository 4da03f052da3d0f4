/** A simulated partition on topics with ids and leader epochs, and what another process sees of the same brokers. */
import { PartitionTask } from '../../../src/pipeline/partition-task.js';
import { SEEN_BY_MOST } from '../../support/seen-by-most.js';
import { PARTITION, SimulatedPartition } from './simulated-partition.js';

/** Transactions of the processor commit the leader epoch; an operator does not. */
export const EPOCH = 3;

export function started(stateDir: string): SimulatedPartition {
  const simulated = new SimulatedPartition(stateDir);
  simulated.input.said = { ...SEEN_BY_MOST, topicId: 'input-1', leaderEpoch: EPOCH };
  simulated.changelog.said = { ...SEEN_BY_MOST, topicId: 'changelog-1', leaderEpoch: EPOCH };
  return simulated;
}

/** The same brokers, as a new process in this folder sees them. */
export function restarted(
  { now, input, changelog, committed }: SimulatedPartition,
  stateDir: string,
): SimulatedPartition {
  const simulated = started(stateDir);
  simulated.now = now;
  simulated.input.end = input.end;
  simulated.changelog.records = changelog.records;
  simulated.changelog.end = changelog.end;
  simulated.committed = committed;
  return simulated;
}

/** Runs the partition until it is running or blocked. */
export async function settled(simulated: SimulatedPartition): Promise<PartitionTask> {
  const task = new PartitionTask(simulated.context, PARTITION);
  await simulated.run(() => ['running', 'blocked'].includes(task.status.state));
  return task;
}
