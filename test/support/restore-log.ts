/** Reads the restores of an instance from its log. */
import type { LogLine } from '../../testkit/processor.js';

export interface Restore {
  readonly partition: number;
  /** Offsets of the changelog; the second is excluded. */
  readonly start: number;
  readonly end: number;
}

/** The first restore of the partition; null if the state was complete. */
export function restoreOf(log: readonly LogLine[], partition: number): Restore | null {
  return restoresOf(log, partition)[0] ?? null;
}

/** All restores of the partition, in order. */
export function restoresOf(log: readonly LogLine[], partition: number): Restore[] {
  return log
    .filter((line) => line.partition === partition && line['state'] === 'restoring')
    .map((line) => {
      const offsets = /changelog offsets (\d+) to (\d+)/.exec(String(line['reason']));
      if (offsets === null) throw new Error(`a restore does not say of what: ${JSON.stringify(line)}`);
      return { partition, start: Number(offsets[1]), end: Number(offsets[2]) };
    });
}
