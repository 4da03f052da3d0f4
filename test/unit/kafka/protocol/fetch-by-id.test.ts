/**
 * The version of Fetch that a leader is asked with, and its answer. `test/integration/log-reader` asks real leaders.
 */
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import { decodeResponse, fetchFrom } from '../../../../src/kafka/protocol/fetch-by-id.js';
import { MAX_ANSWER_ITEMS, type PartitionToFetch } from '../../../../src/kafka/protocol/fetch-shared.js';
import { WireWriter } from '../../../../src/kafka/protocol/wire-format.js';

const ID = '0123456789abcdef0123456789abcdef';
const LIMITS = { maxWaitMs: 0, maxPartitionBytes: 1_000, maxBytes: 10_000, maxBatchBytes: 100_000 };
const AT: PartitionToFetch = { topic: 't', topicId: ID, partition: 3, fromOffset: 7, leaderEpoch: 2 };

/**
 * The versions that a leader is asked with, in turn.
 *
 * @param isRedirected the leader answers version 13 with another replica
 */
async function versionsAsked(newest: number, wanted: readonly PartitionToFetch[], isRedirected = false) {
  const asked: number[] = [];
  const send = ({ request }: { request: { apiVersion: number } }) => {
    asked.push(request.apiVersion);
    return Promise.resolve({ isRedirected: isRedirected && request.apiVersion === 13 });
  };
  const versions = { 1: { minVersion: 4, maxVersion: newest } };
  await fetchFrom({ versions, connectionPool: { send } } as unknown as ConnectedBroker, wanted, LIMITS);
  return asked;
}

test('topics are named by their ids if the leader supports that', async () => {
  expect(await versionsAsked(17, [AT])).toEqual([13]);
  expect(await versionsAsked(12, [AT])).toEqual([10]);
});

test('if one topic has no id, the whole fetch uses topic names', async () => {
  expect(await versionsAsked(17, [AT, { ...AT, topicId: null }])).toEqual([10]);
});

test('a leader that would send the client to another replica is asked by an older version', async () => {
  expect(await versionsAsked(17, [AT], true)).toEqual([13, 10]);
});

function answer(errorCode: number, preferredReplica: number): Buffer {
  return new WireWriter(64)
    .noTags()
    .int32(0) // throttle time
    .int16(0)
    .int32(0) // session
    .uvarint(2)
    .uuid(ID)
    .uvarint(2)
    .int32(3)
    .int16(errorCode)
    .int64(20) // high watermark
    .int64(19)
    .int64(0) // log start
    .uvarint(2)
    .int64(5)
    .int64(11)
    .noTags()
    .int32(preferredReplica)
    .compactString('bytes')
    .noTags()
    .noTags()
    .noTags()
    .finish();
}

test('an answer that claims more partitions and aborted transactions than one can have is refused', () => {
  const claiming = (transactions: number): Buffer =>
    Buffer.concat([
      new WireWriter(64).noTags().int32(0).int16(0).int32(0).uvarint(2).uuid(ID).uvarint(2).finish(),
      new WireWriter(64)
        .int32(3)
        .int16(0)
        .int64(20)
        .int64(19)
        .int64(0)
        .uvarint(transactions + 1)
        .finish(),
      Buffer.alloc(17 * transactions),
      Buffer.alloc(8),
    ]);
  const [partition] = decodeResponse(claiming(MAX_ANSWER_ITEMS - 2), new Map([[ID, 't']])).partitions;
  expect(partition?.abortedTransactions.length).toBe(MAX_ANSWER_ITEMS - 2);
  expect(() => decodeResponse(claiming(MAX_ANSWER_ITEMS - 1), new Map())).toThrow('more than 262144 items');
});

test('an answer has the topic name of the id', () => {
  expect(decodeResponse(answer(0, -1), new Map([[ID, 't']]))).toEqual({
    clientSideThrottleTime: 0,
    errorCode: 0,
    isRedirected: false,
    partitions: [
      {
        topic: 't',
        partition: 3,
        errorCode: 0,
        lastStableOffset: 19,
        abortedTransactions: [{ producerId: 5n, firstOffset: 11 }],
        records: Buffer.from('bytes'),
      },
    ],
  });
  expect(decodeResponse(answer(0, 2), new Map([[ID, 't']])).isRedirected).toBe(true);
});
