import * as operations from '../../../src/kafka/protocol/allowed-operations.js';
import { fetchCommittedOffset } from '../../../src/kafka/protocol/committed-offset.js';
import { createTopicCall } from '../../../src/kafka/protocol/create-topic-request.js';
import { firstConsumerIn } from '../../../src/kafka/protocol/describe-consumer-group.js';
import { describeLogDirs } from '../../../src/kafka/protocol/describe-log-dirs.js';
import { describeProducers } from '../../../src/kafka/protocol/describe-producers.js';
import { describeTransaction } from '../../../src/kafka/protocol/describe-transaction.js';
import { decodeResponse as fetchedById } from '../../../src/kafka/protocol/fetch-by-id.js';
import { decodeResponse as fetchedByName, fetchHeadCall } from '../../../src/kafka/protocol/fetch-by-name.js';
import { EARLIEST, listOffset, READ_COMMITTED } from '../../../src/kafka/protocol/list-offsets.js';
import { brokersKnownTo, metadataOf } from '../../../src/kafka/protocol/metadata-protocol.js';
import { deleteOffsets } from '../../../src/kafka/protocol/offset-delete.js';
import { offsetForLeaderEpoch } from '../../../src/kafka/protocol/offset-for-leader-epoch.js';
import { fetchStableOffset } from '../../../src/kafka/protocol/pending-offset.js';
import { produce } from '../../../src/kafka/protocol/produce-request.js';
import type { ConnectedBroker, ProtocolCall } from '../../../src/kafka/protocol/protocol-call.js';
import { cutBatch } from '../../../src/kafka/protocol/record-batch-encoder.js';
import * as transactions from '../../../src/kafka/protocol/transaction-requests.js';
import { WireWriter } from '../../../src/kafka/protocol/wire-format.js';
import { MIB, samplesOf, type FuzzTarget } from '../target.js';

const TOPIC = { topic: 't', partition: 0 };
const SESSION = { transactionalId: 'x', producerId: 1n, producerEpoch: 0 };
const RECORDS = [{ key: Buffer.from('k'), value: null, headers: [] }];
const ORIGIN = { ...SESSION, firstSequence: 0, timestamp: 1 };
const HEAD = { ...TOPIC, topicId: null, fromOffset: 0, leaderEpoch: 0 };
const TOPIC_ID = '0123456789abcdef0123456789abcdef';

type Ask = (broker: ConnectedBroker) => unknown;

/** A request that is built for no broker: its answer is decoded. */
function of(call: () => ProtocolCall<object>): Ask {
  return ({ connectionPool }) => connectionPool.send(call());
}

/** What reads the answer to each request. A new one comes last: the files of the corpus name them by their numbers. */
const DECODERS: readonly (readonly [name: string, ask: Ask | ((body: Buffer) => unknown), isBody?: 'body'])[] = [
  ['Fetch by id', (body: Buffer) => fetchedById(body, new Map([[TOPIC_ID, 't']])), 'body'],
  ['Fetch by name', (body: Buffer) => fetchedByName(body), 'body'],
  ['Metadata 7', (broker: ConnectedBroker) => brokersKnownTo(broker)],
  ['Metadata 10', (broker: ConnectedBroker) => metadataOf(broker, 't')],
  ['ListOffsets', of(() => listOffset(TOPIC, 0, EARLIEST, READ_COMMITTED))],
  ['OffsetForLeaderEpoch', of(() => offsetForLeaderEpoch(TOPIC, 0, 0))],
  ['DescribeLogDirs', (broker: ConnectedBroker) => describeLogDirs(broker, TOPIC)],
  ['DescribeProducers', (broker: ConnectedBroker) => describeProducers(broker, TOPIC)],
  ['DescribeTransactions', (broker: ConnectedBroker) => describeTransaction(broker, 'x')],
  ['ConsumerGroupDescribe', (broker: ConnectedBroker) => firstConsumerIn(broker, 'g')],
  ['OffsetFetch 5', (broker: ConnectedBroker) => fetchCommittedOffset(broker, 'g', TOPIC)],
  ['OffsetFetch 7', of(() => fetchStableOffset('g', TOPIC))],
  ['OffsetDelete', of(() => deleteOffsets('g', 't', [0]))],
  ['Produce', of(produceCall)],
  ['FindCoordinator', of(() => transactions.findCoordinator(1, 'x'))],
  ['InitProducerId', of(() => transactions.initProducerId('x', 1))],
  ['InitProducerId of a session', of(() => transactions.fenceOwnSession(SESSION, 1))],
  ['AddPartitionsToTxn', of(() => transactions.addPartitionsToTxn(SESSION, [TOPIC]))],
  ['AddOffsetsToTxn', of(() => transactions.addOffsetsToTxn(SESSION, 'g'))],
  ['TxnOffsetCommit', of(() => transactions.txnOffsetCommit(SESSION, 'g', TOPIC, { offset: 1, leaderEpoch: 0 }))],
  ['EndTxn', of(() => transactions.endTxn(SESSION, 'commit'))],
  [
    'CreateTopics',
    of(() => createTopicCall({ topic: 't', partitions: 1, replicationFactor: 1, settings: new Map() }, 1)),
  ],
  ['Metadata 8 of a topic', of(() => operations.operationsOnTopic('t'))],
  ['Metadata 8 of the cluster', of(() => operations.operationsOnCluster())],
  ['DescribeGroups', of(() => operations.operationsOnGroup('g'))],
  ['Fetch of a header', of(() => fetchHeadCall(HEAD))],
];

/** A byte for the request, then the body of the answer. */
export const protocolAnswers: FuzzTarget = {
  name: 'protocol-answers',
  input: 'the answers of brokers to all requests of src/kafka/protocol',
  // BrokerConnections turns every error of a decoder into one that names the request and the broker.
  mayThrow: [
    'RangeError',
    'BrokerError',
    'KafkaJSProtocolError',
    'KafkaJSCreateTopicError',
    'KafkaJSNonRetriableError',
  ],
  maxMs: 200,
  maxBytes: { fixed: 4 * MIB, perByte: 1_000 },
  maxInputBytes: 4 * 1024,
  tokens: [Buffer.from(TOPIC_ID, 'hex')],
  samples,
  open: () => ({ run }),
};

async function run(input: Buffer): Promise<void> {
  const [, decode, isBody] = DECODERS[(input[0] ?? 0) % DECODERS.length] as (typeof DECODERS)[number];
  const body = input.subarray(1);
  await (isBody === 'body' ? (decode as (body: Buffer) => unknown)(body) : (decode as Ask)(answering(body)));
}

/** A broker that supports every request, and gives this answer. */
function answering(body: Buffer): ConnectedBroker {
  const versions = Object.fromEntries(
    Array.from({ length: 100 }, (_, key) => [key, { minVersion: 0, maxVersion: 20 }]),
  );
  const send = async <T extends object>({ response }: ProtocolCall<T>) => response.parse(await response.decode(body));
  return {
    versions,
    connectionPool: { host: 'fuzz', port: 1, isConnected: () => true, send },
  } as unknown as ConnectedBroker;
}

function produceCall(): ProtocolCall<object> {
  const cut = cutBatch(RECORDS, 0, Infinity, 1);
  return produce({ transactionalId: 'x', to: TOPIC, records: RECORDS, start: 0, cut, origin: ORIGIN, timeoutMs: 1 });
}

/** Answers of every shape: nothing, zeros, and one topic with one partition, in both encodings. */
function samples(): ReadonlyMap<string, Buffer> {
  const onePartition = new WireWriter(64).int32(0).int32(1).string('t').int32(1).int32(0).int64(5).int64(5).finish();
  const fields = Array.from({ length: 12 }, () => Buffer.alloc(4));
  const compact = Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 2, 2, 0x74, 2), ...fields]);
  const all = DECODERS.flatMap(([name], number) => {
    const named = name.toLowerCase().replaceAll(' ', '-');
    const starting = (body: Buffer): Buffer => Buffer.concat([Buffer.of(number), body]);
    return [
      [`${named}-empty`, starting(Buffer.alloc(40))],
      [`${named}-one`, starting(Buffer.concat([onePartition, Buffer.alloc(40)]))],
      [`${named}-compact`, starting(compact)],
    ] as const;
  });
  return samplesOf(Object.fromEntries(all));
}
