import { Kafka } from 'kafkajs';

export interface LogEnds {
  /** Offset of the first record still in the log. */
  readonly start: number;
  /** The last stable offset: every transaction below it is decided. */
  readonly stable: number;
  /** The high watermark, which also counts records of open transactions. */
  readonly high: number;
}

/** The parts of kafkajs's cluster object that are used here. */
interface OffsetsOfCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

type ClusterFactory = (options: object) => OffsetsOfCluster;

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const METADATA_MAX_AGE_MS = 300_000;

/**
 * The ends of each partition's log, by topic; the position in a list is the partition. kafkajs's admin client returns
 * only the last stable offset. Without the high watermark, committed records whose markers are still being written
 * would seem to be missing.
 */
export async function readLogEnds(
  kafka: Kafka,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly LogEnds[]>> {
  const [committed, uncommitted] = await Promise.all([
    withCluster(kafka, READ_COMMITTED, async (cluster) => ({
      start: await offsetsOf(cluster, topics, true),
      stable: await offsetsOf(cluster, topics, false),
    })),
    withCluster(kafka, READ_UNCOMMITTED, (cluster) => offsetsOf(cluster, topics, false)),
  ]);
  const ends = new Map<string, LogEnds[]>();
  for (const topic of topics) {
    const high = uncommitted.get(topic) ?? [];
    ends.set(
      topic,
      high.map((offset, partition) => ({
        start: committed.start.get(topic)?.[partition] ?? 0,
        stable: committed.stable.get(topic)?.[partition] ?? 0,
        high: offset,
      })),
    );
  }
  return ends;
}

async function withCluster<T>(
  kafka: Kafka,
  isolationLevel: number,
  ask: (cluster: OffsetsOfCluster) => Promise<T>,
): Promise<T> {
  const symbol = Object.getOwnPropertySymbols(kafka).find((s) => s.description === 'private:Kafka:createCluster');
  if (symbol === undefined) throw new Error('kafkajs does not keep its cluster factory where version 2.2.4 does');
  const createCluster = (kafka as unknown as Record<symbol, ClusterFactory>)[symbol] as ClusterFactory;
  const cluster = createCluster({ allowAutoTopicCreation: false, metadataMaxAge: METADATA_MAX_AGE_MS, isolationLevel });
  try {
    await cluster.connect();
    return await ask(cluster);
  } finally {
    await cluster.disconnect();
  }
}

async function offsetsOf(
  cluster: OffsetsOfCluster,
  topics: readonly string[],
  fromBeginning: boolean,
): Promise<Map<string, number[]>> {
  await cluster.addMultipleTargetTopics(topics);
  const answers = await cluster.fetchTopicsOffset(
    topics.map((topic) => ({
      topic,
      partitions: cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId })),
      fromBeginning,
    })),
  );
  return new Map(
    answers.map(({ topic, partitions }) => {
      const sorted = [...partitions].sort((a, b) => a.partition - b.partition);
      return [topic, sorted.map(({ offset }) => Number(offset))];
    }),
  );
}
