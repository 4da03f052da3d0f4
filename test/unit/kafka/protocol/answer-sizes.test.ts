/** patches/kafkajs+2.2.4.patch, src/network/connection.js: how many bytes of an answer a connection keeps. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type Connection from 'kafkajs/src/network/connection.js';
import { fetchFrom } from '../../../../src/kafka/protocol/fetch-by-id.js';
import { MAX_ANSWER_ITEMS, type FetchResponse } from '../../../../src/kafka/protocol/fetch-shared.js';
import { decodeResponse, fetchHeadCall } from '../../../../src/kafka/protocol/fetch-by-name.js';
import {
  isAnswerTooLarge,
  type ConnectedBroker,
  type ProtocolCall,
} from '../../../../src/kafka/protocol/protocol-call.js';
import { claimOf } from '../../../../src/kafka/protocol/record-batch-header.js';
import { WireWriter } from '../../../../src/kafka/protocol/wire-format.js';
import { buildBatch } from './build-batch.js';
import { askRaw, bareConnection, connectBare } from './bare-connection.js';

const MIB = 2 ** 20;
const UNKNOWN_CORRELATION_ID = 77;

/** Sends the bytes, in these parts, as the answer to a request. */
type Answering = (socket: Socket, correlationId: number) => void;

let server: Server | undefined;
let connection: Connection | undefined;

afterEach(async () => {
  await connection?.disconnect();
  server?.close();
});

/** A connection whose n-th request is answered by the n-th of these. */
async function connectionTo(...answers: Answering[]): Promise<Connection> {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request: Buffer) => answers.shift()?.(socket, request.readInt32BE(8)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  connection = bareConnection(port);
  await connectBare(connection);
  return connection;
}

const header = (size: number, correlationId: number): Buffer =>
  new WireWriter(8).int32(size).int32(correlationId).finish();

/** An answer to Fetch without partitions, of a given size. */
const answerOf =
  (size: number): Answering =>
  (socket, correlationId) =>
    void socket.write(Buffer.concat([header(size, correlationId), Buffer.alloc(size - 4)]));

function sendFetch(asked: Connection, call: ProtocolCall<FetchResponse>): Promise<FetchResponse> {
  const send = (sent: object): Promise<unknown> => asked.send(sent);
  return send(call) as Promise<FetchResponse>;
}

const LIMITS = { maxWaitMs: 0, maxPartitionBytes: MIB, maxBytes: 2 * MIB, maxBatchBytes: 3 * MIB };
/** What it asks for, one larger batch, and 4 MiB for the other fields. */
const MAX_ANSWER_BYTES = 9 * MIB;

test('the answer to a Fetch may have what was asked for, one larger batch and its other fields, and no byte more', async () => {
  const asked = await connectionTo(answerOf(MAX_ANSWER_BYTES), (socket, id) =>
    socket.write(header(MAX_ANSWER_BYTES + 1, id)),
  );
  const send = (call: object): Promise<Buffer> => asked.send(call);
  const broker = { versions: null, connectionPool: { send } } as unknown as ConnectedBroker;
  const partition = { topic: 't', topicId: null, partition: 0, fromOffset: 0, leaderEpoch: -1 };
  expect((await fetchFrom(broker, [partition], LIMITS)).partitions).toEqual([]);
  const error: unknown = await fetchFrom(broker, [partition], LIMITS).catch((reason: unknown) => reason);
  expect(String(error)).toMatch(
    `an answer of ${MAX_ANSWER_BYTES + 1} bytes, more than the limit of ${MAX_ANSWER_BYTES}`,
  );
  expect(isAnswerTooLarge(error)).toBe(true);
});

test('of an answer to a fetch of a header, only the first bytes are read, and the connection ends', async () => {
  const batch = buildBatch({ baseOffset: 7, lastOffset: 9, records: [{ offset: 7, key: null, value: null }] });
  const claimed = 2 ** 31 - 1;
  const fields = Buffer.concat([
    new WireWriter(64).int32(0).int16(0).int32(0).int32(1).string('t').int32(1).finish(),
    new WireWriter(64).int32(0).int16(0).int64(10).int64(10).int64(0).int32(0).int32(claimed).finish(),
  ]);
  let isClosed: Promise<unknown> | undefined;
  const asked = await connectionTo((socket, id) => {
    isClosed = new Promise((resolve) => socket.once('close', resolve));
    const sent = Buffer.concat([header(claimed, id), fields, batch, Buffer.alloc(5 * MIB)]);
    socket.write(sent.subarray(0, 5));
    setTimeout(() => socket.write(sent.subarray(5)), 5);
  });
  const call = fetchHeadCall({ topic: 't', topicId: null, partition: 0, fromOffset: 7, leaderEpoch: -1 });
  const { partitions } = await sendFetch(asked, call);
  expect(partitions[0]?.records.length).toBeLessThan(5 * MIB);
  expect(claimOf(partitions[0]!.records)).toEqual({ baseOffset: 7, nextOffset: 10, bytes: batch.length });
  await isClosed;
  await expect(askRaw(asked)).rejects.toThrow('Not connected');
});

test('an answer to a fetch of a header that is small is read as a whole, and the connection stays', async () => {
  const asked = await connectionTo(answerOf(100), (socket, id) =>
    socket.write(Buffer.concat([header(9, id), Buffer.from('whole')])),
  );
  const call = fetchHeadCall({ topic: 't', topicId: null, partition: 0, fromOffset: 7, leaderEpoch: -1 });
  expect((await sendFetch(asked, call)).partitions).toEqual([]);
  expect((await askRaw(asked)).toString()).toBe('whole');
});

test('an answer that nobody waits for has no more bytes than an answer that somebody may have waited for', async () => {
  const asked = await connectionTo((socket) => socket.write(header(4 * MIB + 1, UNKNOWN_CORRELATION_ID)));
  await expect(askRaw(asked)).rejects.toThrow(`an answer of ${4 * MIB + 1} bytes, more than the limit of ${4 * MIB}`);
});

test.each([-1, 0, 3])(
  'an answer that claims to have %s bytes ends the connection, and not the process',
  async (size) => {
    const asked = await connectionTo((socket) => socket.write(header(size, 0)));
    const error: unknown = await askRaw(asked).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(`the server claims an answer of ${size} bytes, fewer than 4`);
    expect(isAnswerTooLarge(error)).toBe(false);
  },
);

test('the bytes of an answer that was cut off are no part of an answer on the next connection', async () => {
  const asked = await connectionTo(
    (socket, id) => socket.end(Buffer.concat([header(100, id), Buffer.alloc(50)])),
    (socket, id) => socket.write(Buffer.concat([header(9, id), Buffer.from('whole')])),
  );
  await expect(askRaw(asked)).rejects.toThrow('Closed connection');
  await connectBare(asked);
  expect((await askRaw(asked)).toString()).toBe('whole');
});

test('an answer that comes in parts is put together, and the next one after it', async () => {
  const whole = Buffer.alloc(300_000, 'abcdefg');
  const asked = await connectionTo((socket, id) => {
    const [one, other] = [
      Buffer.concat([header(whole.length + 4, id), whole]),
      Buffer.concat([header(9, id + 1), Buffer.from('other')]),
    ];
    const all = Buffer.concat([one, other]);
    const parts = [0, 1, 6, 9, 100_000, 100_001, one.length + 3, all.length];
    const sendPart = (i: number): void => {
      if (i + 1 === parts.length) return;
      socket.write(all.subarray(parts[i], parts[i + 1]), () => setTimeout(() => sendPart(i + 1), 5));
    };
    socket.setNoDelay(true);
    sendPart(0);
  });
  const [one, other] = await Promise.all([askRaw(asked), askRaw(asked)]);
  expect([one.equals(whole), other.toString()]).toEqual([true, 'other']);
});

test('an answer that comes byte by byte takes little more memory than its bytes', async () => {
  const asked = await connectionTo();
  const bytes = 1_000_000;
  const before = process.memoryUsage();
  asked.processData(header(2 * bytes, UNKNOWN_CORRELATION_ID));
  for (let i = 0; i < bytes; i++) asked.processData(Buffer.from([i & 0xff]));
  const after = process.memoryUsage();
  const used = after.heapUsed - before.heapUsed + after.external - before.external;
  // A list of these parts takes more than 100 MB.
  expect(used).toBeLessThan(60_000_000);
});

test('an answer to Fetch that claims more partitions and aborted transactions than one can have is refused', () => {
  const aborted = MAX_ANSWER_ITEMS - 1;
  const partition = (transactions: number): Buffer =>
    Buffer.concat([
      new WireWriter(64).int32(0).int16(0).int32(0).int32(1).string('t').int32(1).finish(),
      new WireWriter(64).int32(0).int16(0).int64(0).int64(0).int64(0).int32(transactions).finish(),
      Buffer.alloc(16 * transactions),
      Buffer.alloc(4),
    ]);
  expect(decodeResponse(partition(aborted - 1)).partitions[0]?.abortedTransactions.length).toBe(aborted - 1);
  expect(() => decodeResponse(partition(aborted))).toThrow('more than 262144 items');
});
