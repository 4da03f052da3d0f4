/** What an instance's log says of its restores. */
import type { LogLine } from './processor.js';

export interface Restore {
  readonly partition: number;
  /** The changelog's offsets, the second not included. */
  readonly start: number;
  readonly end: number;
}

/** The first restore of the partition; null where the state was complete. */
export function restoreOf(log: readonly LogLine[], partition: number): Restore | null {
  const line = log.find((one) => one.partition === partition && one['state'] === 'restoring');
  if (line === undefined) return null;
  const offsets = /changelog offsets (\d+) to (\d+)/.exec(String(line['reason']));
  if (offsets === null) throw new Error(`a restore does not say of what: ${JSON.stringify(line)}`);
  return { partition, start: Number(offsets[1]), end: Number(offsets[2]) };
}
