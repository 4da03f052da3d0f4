/** Whether a topic's records lie where the default partitioner puts their keys. */
import type { LogRecord } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';
import { partitionOfKey } from '../transactions/partitioner.js';
import { readPartition } from '../reading/read-topic.js';

/** Offsets looked at in each partition, the newest ones. */
const LOOKED_AT = 200;

/**
 * Single keys may lie elsewhere, as some that people have sent do. Of a foreign partitioner's keys a part lies where the
 * default one puts them too, by chance: half of them where there are two partitions.
 */
const MOST_ELSEWHERE = { keys: 1, share: 0.05 };

export interface Misplaced {
  readonly partition: number;
  readonly offset: number;
  /** Where the default partitioner puts it. */
  readonly defaultPartition: number;
}

/**
 * Looks at the newest records of each partition, and counts distinct keys: a busy company does not prove more than another one.
 *
 * @param isWitness false for records that tell nothing of the writers' partitioner
 * @returns a record that is elsewhere, where more keys do than people account for: the writers use another partitioner
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
  const tolerated = Math.max(MOST_ELSEWHERE.keys, keys.size * MOST_ELSEWHERE.share);
  const [first] = misplaced.values();
  return first !== undefined && misplaced.size > tolerated ? first : null;
}
