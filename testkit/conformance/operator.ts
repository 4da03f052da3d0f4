/** What an operator does to the brokers of a cluster, or an accident. */
import type { KafkaConfig } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import type { TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import type { Cluster } from '../cluster/cluster.js';
import { pollUntil } from '../cluster/poll-until.js';
import { compact } from '../simulated-kafka/operations/compaction.js';
import type { SimulatedCluster } from '../simulated-kafka/index.js';
import {
  array,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableText,
  struct,
  text,
} from '../simulated-kafka/wire/layout.js';
import { BrokerUnderTest, POLL } from './broker-under-test.js';

/** Each method resolves when the controller has decided. The brokers learn of it later. */
export interface Operator {
  moveLeader(log: TopicPartition, to: number): Promise<void> | void;
  electUnclean(log: TopicPartition, to: number): Promise<void> | void;
  freeze(id: number): Promise<void> | void;
  thaw(id: number): Promise<void> | void;
  /** A real broker compacts by itself: the settings of the topic say when. */
  compact(log: TopicPartition): Promise<void> | void;
  close(): Promise<void> | void;
}

/** A broker, with the address for clients. */
export interface BrokerAt {
  readonly id: number;
  readonly address: string;
}

const electLeadersApi = {
  key: 43,
  name: 'ElectLeaders',
  min: 1,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    kind: int8,
    topics: nullableArray(struct({ topic: text, partitions: array(int32) })),
    timeoutMs: int32,
  }),
  answer: struct({
    throttleMs: int32,
    errorCode: int16,
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ partition: int32, errorCode: int16, errorMessage: nullableText })),
      }),
    ),
  }),
};

const alterPartitionReassignmentsApi = {
  key: 45,
  name: 'AlterPartitionReassignments',
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({
    timeoutMs: int32,
    topics: array(
      struct({ topic: text, partitions: array(struct({ partition: int32, replicas: nullableArray(int32) })) }),
    ),
  }),
  answer: struct({
    throttleMs: int32,
    errorCode: int16,
    errorMessage: nullableText,
    topics: array(
      struct({
        topic: text,
        partitions: array(struct({ partition: int32, errorCode: int16, errorMessage: nullableText })),
      }),
    ),
  }),
};

const replicaStates = array(struct({ id: int32, end: int64 }));

const describeQuorumApi = {
  key: 55,
  name: 'DescribeQuorum',
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({ topics: array(struct({ topic: text, partitions: array(struct({ partition: int32 })) })) }),
  answer: struct({
    errorCode: int16,
    topics: array(
      struct({
        topic: text,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            leader: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            voters: replicaStates,
            observers: replicaStates,
          }),
        ),
      }),
    ),
  }),
};

const METADATA_LOG = '__cluster_metadata';
const PREFERRED = 0;
const UNCLEAN = 1;
const NO_ERROR = 0;
const ELIGIBLE_LEADERS_NOT_AVAILABLE = 83;
const ELECTION_NOT_NEEDED = 84;
const TIMEOUT_MS = 10_000;

export class RealOperator implements Operator {
  readonly #connections: BrokerConnections;
  readonly #frozen = new Set<number>();

  constructor(
    private readonly cluster: Cluster,
    config: KafkaConfig,
  ) {
    this.#connections = new BrokerConnections(config, systemClock);
  }

  /** All brokers, the active controller last. */
  async brokers(): Promise<BrokerAt[]> {
    let controller = -1;
    const isKnown = async (): Promise<boolean> => {
      const asked = { topics: [{ topic: METADATA_LOG, partitions: [{ partition: 0 }] }] };
      const { topics } = await this.#broker.askAs(describeQuorumApi, 0, asked);
      controller = topics[0]?.partitions[0]?.leader ?? -1;
      return controller > 0;
    };
    await pollUntil(isKnown, { ...POLL, awaited: 'the controllers have a leader' });
    return [...this.cluster.brokers].sort((a, b) => Number(a.id === controller) - Number(b.id === controller));
  }

  /** Makes the broker the preferred leader, and elects the preferred leader. */
  async moveLeader(log: TopicPartition, to: number): Promise<void> {
    const { replicas } = await this.#broker.partition(log);
    const partitions = [{ partition: log.partition, replicas: [to, ...replicas.filter((id) => id !== to)] }];
    const request = { timeoutMs: TIMEOUT_MS, topics: [{ topic: log.topic, partitions }] };
    refuse(log, await this.#broker.askAs(alterPartitionReassignmentsApi, 0, request));
    await this.#elect(log, PREFERRED);
  }

  /** The controller takes the first replica that is up. */
  async electUnclean(log: TopicPartition): Promise<void> {
    await this.#elect(log, UNCLEAN);
  }

  async freeze(id: number): Promise<void> {
    this.#frozen.add(id);
    await this.#node(id).pause();
  }

  async thaw(id: number): Promise<void> {
    await this.#node(id).resume();
    this.#frozen.delete(id);
  }

  async compact(): Promise<void> {
    // The brokers' log cleaners do it.
  }

  /** Leaves no broker frozen: the next scenario needs them all. */
  async close(): Promise<void> {
    for (const id of [...this.#frozen]) await this.thaw(id);
    await this.#connections.close();
  }

  /** A broker that comes back is not eligible at once. */
  async #elect({ topic, partition }: TopicPartition, kind: number): Promise<void> {
    const request = { kind, topics: [{ topic, partitions: [partition] }], timeoutMs: TIMEOUT_MS };
    const isElected = async (): Promise<boolean> => {
      const answer = await this.#broker.askAs(electLeadersApi, 1, request);
      return !refuse({ topic, partition }, answer, [ELIGIBLE_LEADERS_NOT_AVAILABLE]);
    };
    await pollUntil(isElected, { ...POLL, awaited: `a leader of ${topic}-${partition} is elected` });
  }

  #node(id: number) {
    const node = this.cluster.brokers.find((broker) => broker.id === id);
    if (node === undefined) throw new RangeError(`the cluster has no broker ${id}`);
    return node;
  }

  /** Passes requests on to the controller. */
  get #broker(): BrokerUnderTest {
    const { address } = this.cluster.brokers.findLast(({ id }) => !this.#frozen.has(id))!;
    return new BrokerUnderTest({ connections: { usual: this.#connections, waiting: this.#connections }, address });
  }
}

interface AdminAnswer {
  readonly errorCode: number;
  readonly topics: readonly { readonly partitions: readonly { errorCode: number; errorMessage: string | null }[] }[];
}

/**
 * @param later error codes after which the request may succeed later
 * @returns whether the answer has one of them
 * @throws if the controller has refused
 */
function refuse(
  { topic, partition }: TopicPartition,
  { errorCode, topics }: AdminAnswer,
  later: readonly number[] = [],
): boolean {
  const codes = [errorCode, ...topics.flatMap(({ partitions }) => partitions.map((each) => each.errorCode))];
  const refused = codes.find((code) => ![NO_ERROR, ELECTION_NOT_NEEDED, ...later].includes(code));
  if (refused !== undefined) throw new Error(`the controller refuses for ${topic}-${partition}: error code ${refused}`);
  return codes.some((code) => later.includes(code));
}

export class SimulatedOperator implements Operator {
  constructor(private readonly cluster: SimulatedCluster) {}

  moveLeader({ topic, partition }: TopicPartition, to: number): void {
    if (this.cluster.partition(topic, partition).leader !== to) this.cluster.moveLeader(topic, partition, to);
  }

  electUnclean({ topic, partition }: TopicPartition, to: number): void {
    this.cluster.electUnclean(topic, partition, to);
  }

  freeze(id: number): void {
    this.cluster.cutOff(id);
  }

  thaw(id: number): void {
    this.cluster.reconnect(id);
  }

  compact({ topic, partition }: TopicPartition): void {
    compact(this.cluster.world, topic, partition);
  }

  close(): void {
    // The simulated cluster ends with the scenario.
  }
}
