/** What a scenario needs from a cluster of one broker, simulated or real. */
import { Kafka, type KafkaConfig } from 'kafkajs';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION } from '../../src/kafka/connection/cluster.js';
import { fetchFrom } from '../../src/kafka/protocol/fetch-by-id.js';
import { LATEST, listOffset, READ_COMMITTED } from '../../src/kafka/protocol/list-offsets.js';
import { metadataOf } from '../../src/kafka/protocol/metadata-protocol.js';
import { produce } from '../../src/kafka/protocol/produce-request.js';
import { protocolCall, type ConnectedBroker, type ProtocolCall } from '../../src/kafka/protocol/protocol-call.js';
import { ERROR_CODES, NO_ERROR } from '../../src/kafka/protocol/protocol-errors.js';
import { cutBatch } from '../../src/kafka/protocol/record-batch-encoder.js';
import {
  findCoordinator,
  initProducerId,
  type ProducerSession,
} from '../../src/kafka/protocol/transaction-requests.js';
import { NO_HEADERS, type TopicPartition } from '../../src/lib/record.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { pollUntil } from '../cluster/poll-until.js';
import type { Api } from '../simulated-kafka/wire/api.js';
import { FieldReader, FieldWriter } from '../simulated-kafka/wire/fields.js';
import { Answers } from './answers.js';
import { batchesOf } from './batches.js';

const POLL = { timeoutMs: 30_000, intervalMs: 50 };
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const FETCH_LIMITS = { maxWaitMs: 100, maxPartitionBytes: 1_000_000, maxBytes: 1_000_000 };
export const TRANSACTION_TIMEOUT_MS = 60_000;

/** A coordinator gives these answers for a moment after its start. They say nothing about the scenario. */
const NOT_READY: readonly number[] = [
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODES.NOT_COORDINATOR,
];

export class ClusterUnderTest {
  readonly answers = new Answers();
  readonly kafka: Kafka;
  readonly #connections: BrokerConnections;
  /** A broker answers the requests of one connection one after the other. */
  readonly #waiting: BrokerConnections;

  /** @param suffix makes all names unique: the real cluster has other topics and groups too */
  constructor(
    config: KafkaConfig & { readonly brokers: string[] },
    private readonly suffix: string,
  ) {
    this.kafka = new Kafka(config);
    this.#connections = new BrokerConnections(config, systemClock);
    this.#waiting = new BrokerConnections(config, systemClock);
    this.#address = config.brokers[0]!;
  }
  readonly #address: string;

  /** The first question for a coordinator creates the topic that it needs. */
  async prepare(): Promise<void> {
    for (const kind of [COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION]) await this.ask(findCoordinator(kind, 'any'));
  }

  /** A topic, a group or a transactional id. */
  name(base: string): string {
    const name = `${base}-${this.suffix}`;
    this.answers.call(name, base);
    return name;
  }

  /** Creates a topic with one partition, and waits until the broker leads it. */
  async topic(base: string, settings: Readonly<Record<string, string>> = {}): Promise<TopicPartition> {
    const topic = this.name(base);
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await this.admin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }],
      }),
    );
    const log = { topic, partition: 0 };
    const isLed = async () => (await this.ask(listOffset(log, 0, LATEST, READ_COMMITTED))).errorCode === NO_ERROR;
    await this.until('the broker leads the topic', isLed);
    return log;
  }

  async admin<T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    return use(admin).finally(() => admin.disconnect());
  }

  onBroker<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#connections.ask(this.#address, question);
  }

  /** Asks again while the coordinator is not ready. */
  async ask<T extends object>(call: ProtocolCall<T>, retried = NOT_READY): Promise<T> {
    let answer = await this.onBroker((broker) => broker.connectionPool.send(call));
    const isReady = async (): Promise<boolean> => {
      if (!('errorCode' in answer) || !retried.includes(answer.errorCode as number)) return true;
      answer = await this.onBroker((broker) => broker.connectionPool.send(call));
      return false;
    };
    await pollUntil(isReady, { ...POLL, awaited: `${call.request.apiName} gets its final answer` });
    return answer;
  }

  /** As `ask`. Also asks again while the markers of the transaction before are not written. */
  whenDecided<T extends object>(call: ProtocolCall<T>): Promise<T> {
    return this.ask(call, [...NOT_READY, ERROR_CODES.CONCURRENT_TRANSACTIONS]);
  }

  /** A request in the layout of the simulation, for the requests that kafkajs encodes in the product. */
  askAs<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): Promise<A> {
    return this.ask(callOf(api, version, request));
  }

  /** As `askAs`, once, on a connection of its own: the answer may take long. */
  askAndWait<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): Promise<A> {
    const call = callOf(api, version, request);
    return this.#waiting.ask(this.#address, (broker) => broker.connectionPool.send(call));
  }

  async session(base: string, timeoutMs = TRANSACTION_TIMEOUT_MS): Promise<ProducerSession> {
    const transactionalId = this.name(base);
    const answer = await this.whenDecided(initProducerId(transactionalId, timeoutMs));
    this.answers.note(`InitProducerId ${base}`, answer);
    return { transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  /** Sends one batch, each value as one record. */
  produce(session: ProducerSession, to: TopicPartition, firstSequence: number, values: readonly string[]) {
    const records = values.map((value) => ({
      key: Buffer.from('key'),
      value: Buffer.from(value),
      headers: NO_HEADERS,
    }));
    const { transactionalId, producerId, producerEpoch } = session;
    const call = produce({
      transactionalId,
      to,
      records,
      start: 0,
      cut: cutBatch(records, 0, MAX_BATCH_BYTES, records.length),
      origin: { producerId, producerEpoch, firstSequence, timestamp: Date.now() },
      timeoutMs: 10_000,
    });
    return this.whenDecided(call);
  }

  async topicId({ topic }: TopicPartition): Promise<string | null> {
    return (await this.onBroker((broker) => metadataOf(broker, topic))).topicId;
  }

  /** @param topicId of the topic, unless another one is asked for */
  async fetch(from: TopicPartition, fromOffset: number, leaderEpoch = 0, topicId?: string | null) {
    const id = topicId === undefined ? await this.topicId(from) : topicId;
    const asked = [{ ...from, topicId: id, fromOffset, leaderEpoch }];
    const { errorCode, partitions } = await this.onBroker((broker) => fetchFrom(broker, asked, FETCH_LIMITS));
    return { errorCode, partitions: partitions.map((each) => ({ ...each, records: batchesOf(each.records) })) };
  }

  until(awaited: string, probe: () => Promise<boolean>): Promise<void> {
    return pollUntil(probe, { ...POLL, awaited });
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.close(), this.#waiting.close()]);
  }
}

function callOf<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): ProtocolCall<A> {
  const writer = new FieldWriter(version, false);
  api.request.write(writer, request);
  const read = (body: Buffer): A => api.answer.read(new FieldReader(body, version, false));
  return protocolCall(api.key, api.name, version, writer.finish(), read);
}
