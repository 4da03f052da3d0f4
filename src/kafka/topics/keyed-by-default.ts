/** Checks whether a topic's records are in the partitions that the default partitioner chooses for their keys. */
import type { LogRecord } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';
import { partitionOfKey } from '../transactions/partitioner.js';
import { readPartition } from '../reading/read-topic.js';

/** How many of the newest offsets of each partition to look at. */
const LOOKED_AT = 200;

/**
 * A few keys may be in other partitions, because people may have sent records by hand. Another partitioner chooses the
 * same partition as the default one for some keys, by chance: with two partitions, for half of them.
 */
const MAX_ELSEWHERE = { keys: 1, share: 0.05 };

/** If so many keys fit a former number of partitions that chance does so less often than this, they are older. */
const CHANCE = 0.001;

export interface Misplaced {
  readonly partition: number;
  readonly offset: number;
  /** The partition that the default partitioner chooses. */
  readonly defaultPartition: number;
}

/**
 * Looks at the newest records of each partition. It counts distinct keys, because many records of one company prove no
 * more than one record. If the topic has got more partitions, records that the default partitioner has placed among the
 * former partitions do not count as misplaced.
 *
 * @param isWitness false for records that say nothing about the writers' partitioner
 * @returns a record in another partition, if more keys are misplaced than records sent by hand explain: then the
 *   writers use another partitioner. Otherwise null
 * @throws what reading throws
 */
export async function misplacedByDefault(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  partitions: number,
  isWitness: (record: LogRecord) => boolean,
): Promise<Misplaced | null> {
  const keys = new Set<string>();
  const misplaced = new Map<string, Misplaced>();
  const lookAt = async (partition: number): Promise<void> => {
    const { end } = await logs.bounds({ topic, partition });
    await readPartition(logs, { topic, partition }, end - LOOKED_AT, (records) => {
      for (const record of records) {
        if (record.key === null || !isWitness(record)) continue;
        const key = record.key.toString('latin1');
        keys.add(key);
        const defaultPartition = partitionOfKey(record.key, partitions);
        if (defaultPartition !== partition) misplaced.set(key, { partition, offset: record.offset, defaultPartition });
      }
    });
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => lookAt(partition)));
  const tolerated = Math.max(MAX_ELSEWHERE.keys, keys.size * MAX_ELSEWHERE.share);
  const [first] = misplaced.values();
  return first !== undefined && misplaced.size > tolerated && !areOlder(misplaced, partitions, tolerated)
    ? first
    : null;
}

/** Whether the default partitioner has placed these keys, except for the tolerated ones, when there were fewer partitions. */
function areOlder(misplaced: ReadonlyMap<string, Misplaced>, partitions: number, tolerated: number): boolean {
  for (let former = partitions - 1; former > 0; former--) {
    let fitting = 0;
    for (const [key, { partition }] of misplaced)
      if (partitionOfKey(Buffer.from(key, 'latin1'), former) === partition) fitting++;
    // Another partitioner chooses one of `partitions` at random. There are fewer former numbers than that.
    if (misplaced.size - fitting <= tolerated && partitions ** (1 - fitting) < CHANCE) return true;
  }
  return false;
}
