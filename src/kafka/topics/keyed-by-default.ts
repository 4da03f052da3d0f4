/** Checks whether a topic's records are in the partitions that the default partitioner chooses for their keys. */
import { MAX_TEXT_BYTES } from '../../domain/limits.js';
import type { LogRecord } from '../../lib/record.js';
import type { Logs } from '../../pipeline/ports.js';
import { hashOfKey, partitionOfKey } from '../transactions/partitioner.js';
import { readPartition } from '../reading/read-partition.js';

/**
 * How many of the newest offsets of each partition to look at. After a repartitioning, they may include records that were
 * written when the topic had fewer partitions.
 */
const LOOKED_AT = 200;

/**
 * A few keys may be in other partitions, if others are where they belong: people may have sent records by hand. Another partitioner chooses the
 * same partition as the default one for some keys, by chance: with two partitions, for half of them.
 */
const MAX_ELSEWHERE = { keys: 1, share: 0.05 };
/**
 * If the probability that chance makes so many keys fit a former number of partitions is below this, the keys are
 * older.
 */
const CHANCE = 0.001;

export interface Misplaced {
  readonly partition: number;
  readonly offset: number;
  /** The partition that the default partitioner chooses. */
  readonly defaultPartition: number;
}

export interface Placement {
  /** How many different keys were found. Without any, nothing is known about the writers' partitioner. */
  readonly keys: number;
  /**
   * A record in another partition, if more keys are misplaced than records sent by hand explain. Then the writers use
   * another partitioner, or the keys are older, but too few to show that. Otherwise null.
   */
  readonly foreign: ForeignPlacement | null;
}

export interface ForeignPlacement extends Misplaced {
  /** The misplaced keys fit former numbers of partitions, but they are so few that chance may be the cause. */
  readonly mayBeOlder: boolean;
}

/**
 * Looks at the newest records of each partition. It counts distinct keys, because many records of one company prove no
 * more than one record. If the topic has got more partitions, records that the default partitioner has placed among the
 * former partitions do not count as misplaced.
 *
 * @param isWitness false for records that say nothing about the writers' partitioner
 * @throws what reading throws
 */
export async function placementByKey(
  logs: Pick<Logs, 'bounds' | 'reader'>,
  topic: string,
  partitions: number,
  isWitness: (record: LogRecord) => boolean,
): Promise<Placement> {
  const keys = new Set<string>();
  const misplaced = new Map<string, MisplacedKey>();
  const lookAt = async (partition: number): Promise<void> => {
    const { end } = await logs.bounds({ topic, partition });
    await readPartition(logs, { topic, partition }, end - LOOKED_AT, (records) => {
      for (const record of records) {
        // No company has a longer key. Many long keys of the same length would also make the maps slow.
        if (record.key === null || record.key.length > MAX_TEXT_BYTES || !isWitness(record)) continue;
        const key = record.key.toString('latin1');
        keys.add(key);
        const defaultPartition = partitionOfKey(record.key, partitions);
        const { offset } = record;
        if (defaultPartition !== partition)
          misplaced.set(key, { partition, offset, defaultPartition, hash: hashOfKey(record.key) });
      }
    });
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => lookAt(partition)));
  return { keys: keys.size, foreign: foreignAmong([...misplaced.values()], keys.size, partitions) };
}

/** @param all the misplaced keys among `keys` different ones */
function foreignAmong(all: readonly MisplacedKey[], keys: number, partitions: number): ForeignPlacement | null {
  const tolerated = keys === 1 ? 0 : Math.max(MAX_ELSEWHERE.keys, keys * MAX_ELSEWHERE.share);
  if (all.length <= tolerated) return null;
  const proveNothing = areFew(all, partitions, tolerated);
  if (!proveNothing && areOlder(all, partitions, tolerated)) return null;
  const [{ partition, offset, defaultPartition }] = all as [MisplacedKey];
  const mayBeOlder = proveNothing && !isMoreThan(tolerated, all, (key) => !fitsFormer(key, partitions));
  return { partition, offset, defaultPartition, mayBeOlder };
}

interface MisplacedKey extends Misplaced {
  /** The hash of its key: the default partition is its remainder by the number of partitions. */
  readonly hash: number;
}

/**
 * Whether `counts` is true for more than `most` keys. Stops at the first key beyond `most`, because there may be as
 * many calls as the topic has partitions.
 */
function isMoreThan(most: number, keys: readonly MisplacedKey[], counts: (key: MisplacedKey) => boolean): boolean {
  let found = 0;
  for (const key of keys) if (counts(key) && ++found > most) return true;
  return false;
}

/**
 * Whether the keys are so few that they prove nothing: even if all keys except the tolerated ones fit a former number
 * of partitions, chance may be the cause.
 */
function areFew(keys: readonly MisplacedKey[], partitions: number, tolerated: number): boolean {
  const fitting = keys.length - tolerated;
  // Another partitioner chooses a partition at random. So a key fits one given former number with a probability of 1 /
  // `partitions`, and there are fewer than `partitions` former numbers.
  return partitions ** (1 - fitting) >= CHANCE;
}

/** Whether the default partitioner has placed these keys, except for the tolerated ones, when there were fewer partitions. */
function areOlder(keys: readonly MisplacedKey[], partitions: number, tolerated: number): boolean {
  for (let former = partitions - 1; former > 0; former--)
    if (!isMoreThan(tolerated, keys, (key) => key.hash % former !== key.partition)) return true;
  return false;
}

/** Whether the default partitioner may have placed this key when there were fewer partitions. */
function fitsFormer({ hash, partition }: MisplacedKey, partitions: number): boolean {
  for (let former = partitions - 1; former > partition; former--) if (hash % former === partition) return true;
  return false;
}
