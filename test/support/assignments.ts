/** Finds out from the logs which instance has which partitions. */
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import type { LogLine, Processor } from '../../testkit/processor.js';

const SHARED_TIMEOUT_MS = 60_000;

/** The partitions of each assignment in the log, in order. */
export function assignmentsOf(log: readonly LogLine[]): (readonly number[])[] {
  return log.filter(isAssignment).map((line) => line['partitions'] as number[]);
}

/** Resolves once every instance is ready and has partitions, and together they have all partitions. */
export async function shared(instances: readonly Processor[], partitions: number): Promise<void> {
  const look = () => {
    const latest = instances.map(({ log }) => assignmentsOf(log).at(-1) ?? []);
    const together = new Set(latest.flat()).size === partitions && latest.flat().length === partitions;
    return Promise.resolve(together && latest.every((assigned) => assigned.length > 0));
  };
  await pollUntil(look, {
    awaited: `${instances.length} instances share the partitions`,
    timeoutMs: SHARED_TIMEOUT_MS,
  });
  await Promise.all(instances.map((instance) => instance.ready()));
}

export function isAssignment({ msg }: LogLine): boolean {
  return msg === 'partitions assigned';
}

export function isFencing(line: LogLine): boolean {
  return line['state'] === 'fencing';
}
