/** Whether a topic's records lie where the default partitioner puts their keys. */
import type { Logs } from '../pipeline/ports.js';
import { partitionOfKey } from './partitioner.js';
import { readPartition } from './read-topic.js';

/** Offsets looked at in each partition, the newest ones. */
const LOOKED_AT = 200;

export interface Misplaced {
  readonly partition: number;
  readonly offset: number;
  /** Where the default partitioner puts it. */
  readonly defaultPartition: number;
}

/**
 * Looks at the newest records of each partition. Single records may lie elsewhere, as some that people have sent do; where
 * most do, the writers use another partitioner.
 *
 * @returns one of the records that lie elsewhere, where most do; else null
 * @throws what reading throws
 */
export async function misplacedByDefault(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  partitions: number,
): Promise<Misplaced | null> {
  const misplaced: Misplaced[] = [];
  let looked = 0;
  const lookAt = async (partition: number): Promise<void> => {
    const { end } = await logs.bounds({ topic, partition });
    await readPartition(logs, { topic, partition }, end - LOOKED_AT, (records) => {
      for (const { key, offset } of records) {
        if (key === null) continue;
        looked++;
        const defaultPartition = partitionOfKey(key, partitions);
        if (defaultPartition !== partition) misplaced.push({ partition, offset, defaultPartition });
      }
    });
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => lookAt(partition)));
  return misplaced.length > looked / 2 ? (misplaced[0] ?? null) : null;
}
