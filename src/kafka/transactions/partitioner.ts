import type { Partitioner } from '../../pipeline/ports.js';

/**
 * Where records written go, by the partition counts of the topics: to the same-numbered partition where the counts are
 * equal, else by the key, as the default partitioners of Java's client and of kafkajs do.
 *
 * @param inputPartitions how many partitions the input topic has
 * @param partitionsOf by topic written, how many it has
 */
export function createPartitioner(inputPartitions: number, partitionsOf: ReadonlyMap<string, number>): Partitioner {
  const countOf = (topic: string): number => {
    const count = partitionsOf.get(topic);
    if (count === undefined || count < 1) throw new Error(`how many partitions ${topic} has is not known`);
    return count;
  };
  return {
    partitionFor(topic, key, inputPartition) {
      const count = countOf(topic);
      if (count === inputPartitions) return inputPartition;
      // Without a key the default partitioners spread at random: a replay must repeat the first choice instead.
      return key === null ? inputPartition % count : partitionOfKey(key, count);
    },

    targets(topic, inputPartition) {
      const count = countOf(topic);
      if (count === inputPartitions) return { partitions: [inputPartition], alone: true };
      return { partitions: [...Array(count).keys()], alone: false };
    },
  };
}

/** As the default partitioners of Java's client and of kafkajs do. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
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
