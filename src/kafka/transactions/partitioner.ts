import type { Partitioner } from '../../pipeline/ports.js';

export interface GrowingPartitioner extends Partitioner {
  /**
   * The topic has this many partitions now. Transactions of before may still be open in any partition, also if the
   * topic now has as many as the input.
   */
  grown(topic: string, partitions: number): void;
}

/**
 * Chooses the partition of each record written. If its topic has as many partitions as the input, the record goes to
 * the same-numbered partition. Otherwise its key decides, as in the default partitioners of the Java client and of
 * kafkajs.
 *
 * @param inputPartitions how many partitions the input topic has
 * @param atStart how many partitions each written topic has
 */
export function createPartitioner(inputPartitions: number, atStart: ReadonlyMap<string, number>): GrowingPartitioner {
  const partitionsOf = new Map(atStart);
  const grown = new Set<string>();
  const countOf = (topic: string): number => {
    const count = partitionsOf.get(topic);
    if (count === undefined || count < 1) throw new Error(`the number of partitions of ${topic} is unknown`);
    return count;
  };
  return {
    partitionFor(topic, key, inputPartition) {
      const count = countOf(topic);
      if (count === inputPartitions) return inputPartition;
      // Without a key, the default partitioners choose at random. But a replay must repeat the first choice.
      return key === null ? inputPartition % count : partitionOfKey(key, count);
    },

    targets(topic, inputPartition) {
      const count = countOf(topic);
      if (count === inputPartitions && !grown.has(topic)) return { partitions: [inputPartition], isExclusive: true };
      return { partitions: [...Array(count).keys()], isExclusive: false };
    },

    grown(topic, partitions) {
      partitionsOf.set(topic, partitions);
      grown.add(topic);
    },
  };
}

/** The partition of a key, as the default partitioners of the Java client and of kafkajs choose it. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return hashOfKey(key) % partitions;
}

/** The hash of a key. Its remainder by the number of partitions is the partition. */
export function hashOfKey(key: Buffer): number {
  return murmur2(key) & 0x7fffffff;
}

/** MurmurHash2 (Appleby) with Kafka's seed, as in org.apache.kafka.common.utils.Utils. */
function murmur2(bytes: Buffer): number {
  const multiplier = 0x5bd1e995;
  const whole = bytes.length & ~3;
  let hash = 0x9747b28c ^ bytes.length;
  for (let i = 0; i < whole; i += 4) {
    let word = Math.imul(bytes.readInt32LE(i), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (whole < bytes.length) {
    hash ^= bytes.readUIntLE(whole, bytes.length - whole);
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}
