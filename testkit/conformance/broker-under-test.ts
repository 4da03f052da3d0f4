/** What a scenario asks one broker, simulated or real. */
import { crc32c } from '@node-rs/crc32';
import type { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { fetchFrom } from '../../src/kafka/protocol/fetch-by-id.js';
import { metadataOf } from '../../src/kafka/protocol/metadata-protocol.js';
import { produce } from '../../src/kafka/protocol/produce-request.js';
import { protocolCall, type ConnectedBroker, type ProtocolCall } from '../../src/kafka/protocol/protocol-call.js';
import { ERROR_CODES } from '../../src/kafka/protocol/protocol-errors.js';
import { cutBatch, encodeBatch } from '../../src/kafka/protocol/record-batch-encoder.js';
import type { ProducerSession } from '../../src/kafka/protocol/transaction-requests.js';
import { NO_HEADERS, type TopicPartition } from '../../src/lib/record.js';
import { pollUntil } from '../cluster/poll-until.js';
import { metadataApi } from '../simulated-kafka/wire/admin-apis.js';
import type { Api } from '../simulated-kafka/wire/api.js';
import { FieldReader, FieldWriter } from '../simulated-kafka/wire/fields.js';
import { produceApi } from '../simulated-kafka/wire/log-apis.js';
import { NO_UUID } from '../simulated-kafka/image.js';
import { batchesOf } from './batches.js';

export const POLL = { timeoutMs: 30_000, intervalMs: 50 };
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const FETCH_LIMITS = { maxWaitMs: 100, maxPartitionBytes: 1_000_000, maxBytes: 1_000_000, maxBatchBytes: 1_000_000 };
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const NO_PRODUCER = { producerId: -1n, producerEpoch: -1, firstSequence: -1 };
const METADATA = 8;
const PRODUCE = 7;

/** A coordinator gives these answers for a moment after it has taken over. They say nothing about the scenario. */
const NOT_READY: readonly number[] = [
  ERROR_CODES.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODES.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODES.NOT_COORDINATOR,
];

export interface KeyAndValue {
  readonly key: string;
  /** Null for a tombstone. */
  readonly value: string | null;
}

export interface Connections {
  readonly usual: BrokerConnections;
  /** A broker answers the requests of one connection one after the other. */
  readonly waiting: BrokerConnections;
}

export interface BrokerAddress {
  readonly connections: Connections;
  readonly address: string;
}

export class BrokerUnderTest {
  /** @param retried the error codes after which `ask` asks again */
  constructor(
    private readonly place: BrokerAddress,
    private readonly retried = NOT_READY,
  ) {}

  /** The same broker, asked once: for a coordinator that has moved. */
  get once(): BrokerUnderTest {
    return new BrokerUnderTest(this.place, []);
  }

  onBroker<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.place.connections.usual.ask(this.place.address, question);
  }

  /** Asks again while the coordinator is not ready. */
  async ask<T extends object>(call: ProtocolCall<T>, retried = this.retried): Promise<T> {
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
    return this.ask(call, [...this.retried, ERROR_CODES.CONCURRENT_TRANSACTIONS]);
  }

  /** A request in the layout of the simulation, for the requests that kafkajs encodes in the product. */
  askAs<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): Promise<A> {
    return this.ask(callOf(api, version, request));
  }

  /** As `askAs`, once, on a connection of its own: the answer may take long. */
  askAndWait<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): Promise<A> {
    const call = callOf(api, version, request);
    return this.place.connections.waiting.ask(this.place.address, (broker) => broker.connectionPool.send(call));
  }

  /** Sends one batch, each value as one record. */
  produce(
    session: ProducerSession,
    to: TopicPartition,
    firstSequence: number,
    values: readonly string[],
    timeoutMs = 10_000,
  ) {
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
      timeoutMs,
    });
    return this.whenDecided(call);
  }

  /** Sends one record without a producer's session. @param acks -1 for all in-sync replicas, 1 for the leader alone */
  append(to: TopicPartition, value: string, acks: 1 | -1, timeoutMs = 10_000) {
    return this.appendBatch(to, [{ key: 'key', value }], Date.now(), { acks, timeoutMs });
  }

  /** Sends one batch without a producer's session. */
  async appendBatch(
    { topic, partition }: TopicPartition,
    values: readonly KeyAndValue[],
    timestamp: number,
    { acks, timeoutMs }: { readonly acks: 1 | -1; readonly timeoutMs: number } = { acks: -1, timeoutMs: 10_000 },
  ) {
    const records = values.map(({ key, value }) => ({
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: NO_HEADERS,
    }));
    const cut = cutBatch(records, 0, MAX_BATCH_BYTES, records.length);
    const batch = Buffer.alloc(cut.bytes);
    encodeBatch(batch, 0, records, 0, cut, { ...NO_PRODUCER, timestamp });
    batch.writeInt16BE(0, ATTRIBUTES_AT); // The encoder of the product marks all batches as transactional.
    batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
    const topics = [{ topic, partitions: [{ partition, records: batch }] }];
    const answer = await this.askAs(produceApi, PRODUCE, { transactionalId: null, acks, timeoutMs, topics });
    return answer.topics[0]!.partitions[0]!;
  }

  async topicId({ topic }: TopicPartition): Promise<string | null> {
    return (await this.onBroker((broker) => metadataOf(broker, topic))).topicId;
  }

  /** What this broker knows of a partition. */
  async partition({ topic, partition }: TopicPartition) {
    const asked = {
      topics: [{ topic, topicId: NO_UUID }],
      allowCreation: false,
      includeClusterOperations: false,
      includeTopicOperations: false,
    };
    const { topics } = await this.askAs(metadataApi, METADATA, asked);
    const found = topics[0]?.partitions.find((each) => each.partition === partition);
    if (found === undefined) throw new Error(`${this.place.address} does not know ${topic}-${partition}`);
    return found;
  }

  /** @param topicId of the topic, unless another one is asked for; null asks by name */
  async fetch(from: TopicPartition, fromOffset: number, leaderEpoch = 0, topicId?: string | null) {
    const id = topicId === undefined ? await this.topicId(from) : topicId;
    const asked = [{ ...from, topicId: id, fromOffset, leaderEpoch }];
    const { errorCode, partitions } = await this.onBroker((broker) => fetchFrom(broker, asked, FETCH_LIMITS));
    return { errorCode, partitions: partitions.map((each) => ({ ...each, records: batchesOf(each.records) })) };
  }

  until(awaited: string, probe: () => Promise<boolean>): Promise<void> {
    return pollUntil(probe, { ...POLL, awaited });
  }
}

export function callOf<Q, A extends object>(api: Api<Q, A>, version: number, request: Q): ProtocolCall<A> {
  const isFlexible = version >= api.flexibleFrom;
  const writer = new FieldWriter(version, isFlexible);
  writer.noTags(); // of the request's header
  api.request.write(writer, request);
  const read = (body: Buffer): A => {
    const reader = new FieldReader(body, version, isFlexible);
    reader.skipTags(); // of the answer's header
    return api.answer.read(reader);
  };
  return protocolCall(api.key, api.name, version, writer.finish(), read);
}
