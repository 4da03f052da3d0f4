/** Brokers and members may send any claims. Memory is allocated only for bytes that exist. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { AssignerProtocol, logLevel } from 'kafkajs';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import { BrokerConnections } from '../../../../src/kafka/connection/broker-connections.js';
import { decodeResponse } from '../../../../src/kafka/protocol/fetch-by-name.js';
import {
  decodeMemberInfo,
  encodeAssignment,
  hasPartitions,
  readSubscription,
  standbysIn,
} from '../../../../src/kafka/group/member-messages.js';
import { WireReader, WireWriter } from '../../../../src/kafka/protocol/wire-format.js';
import { ByteWriter } from '../../../../src/lib/byte-writer.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { askRaw, bareConnection, connectBare } from './bare-connection.js';

const MIB = 2 ** 20;
/** As a varint of 7 bytes. */
const HUGE = 2 ** 45;

function written(write: (to: ByteWriter) => void): Buffer {
  const to = new ByteWriter();
  to.begin();
  write(to);
  return Buffer.from(to.end());
}

/** An assignment whose user data a member of the group has chosen. */
function assignmentWith(userData: Buffer): Buffer {
  return AssignerProtocol.MemberAssignment.encode({ version: 0, assignment: { input: [1] }, userData });
}

test('an assignment that claims 2^45 standbys has none', () => {
  const claims = written((to) => [1, HUGE, 3].forEach((value, i) => (i === 0 ? to.byte(value) : to.varint(value))));
  expect(standbysIn(assignmentWith(claims))).toEqual([]);
  const beyond = written((to) => [1, 1, HUGE].forEach((value, i) => (i === 0 ? to.byte(value) : to.varint(value))));
  expect(standbysIn(assignmentWith(beyond))).toEqual([]);
  expect(standbysIn(encodeAssignment('input', { active: [], standby: [4, 7] }))).toEqual([4, 7]);
});

test('bytes that are not an assignment assign nothing', () => {
  for (const topics of [20_000_000, 2 ** 31 - 1, -2]) {
    const bytes = new WireWriter(8).int16(0).int32(topics).finish();
    expect([standbysIn(bytes), hasPartitions(bytes)]).toEqual([[], false]);
  }
});

test('the info of a member that claims 2^45 partitions, states or standbys is ignored or bounded', () => {
  const info = (...numbers: readonly [standbys: number, partitions: number, held: number]): Buffer => {
    const [standbys, partitions, held] = numbers;
    return written((to) => {
      to.byte(1);
      to.text('');
      to.varint(standbys);
      to.text('');
      to.varint(partitions);
      to.varint(held);
    });
  };
  expect(decodeMemberInfo(info(0, HUGE, 0))).toBeNull();
  expect(decodeMemberInfo(info(0, 0, HUGE))).toBeNull();
  expect(decodeMemberInfo(info(HUGE, 0, 0))).toMatchObject({ numStandby: 100 });
  expect(readSubscription(new WireWriter(8).int16(0).int32(30_000_000).finish()).info).toBeNull();
});

test.each([
  ['an array', (bytes: Buffer) => new WireReader(bytes).array(() => 0), new WireWriter(4).int32(2 ** 31 - 1)],
  [
    'a compact array',
    (bytes: Buffer) => new WireReader(bytes).compactArray(() => 0),
    new WireWriter(4).uvarint(2 ** 32),
  ],
  ['tagged fields', (bytes: Buffer) => new WireReader(bytes).tags(), new WireWriter(4).uvarint(2 ** 32)],
  [
    'an array of kafkajs',
    (bytes: Buffer) => new Decoder(bytes).readArray(() => 0),
    new WireWriter(4).int32(2 ** 31 - 1),
  ],
  [
    'a varint array of kafkajs',
    (bytes: Buffer) => new Decoder(bytes).readVarIntArray(() => 0),
    new WireWriter(4).uvarint(2 ** 30),
  ],
  [
    'a compact array of kafkajs',
    (bytes: Buffer) => new Decoder(bytes).readUVarIntArray(() => 0),
    new WireWriter(4).uvarint(2 ** 30),
  ],
  [
    'tagged fields of kafkajs',
    (bytes: Buffer) => new Decoder(bytes).readTaggedFields(),
    new WireWriter(4).uvarint(2 ** 20),
  ],
  [
    'a negative array of kafkajs',
    (bytes: Buffer) => new Decoder(bytes).readArray(() => 0),
    new WireWriter(4).int32(-7),
  ],
])('%s of more items than there are bytes is refused before any is read', (_what, read, claim) => {
  expect(() => read(claim.finish())).toThrow(RangeError);
});

test('arrays of kafkajs may have 1,000,000 items together, also one within another', () => {
  const eights = (items: number) => Buffer.concat([new WireWriter(4).int32(items).finish(), Buffer.alloc(items)]);
  const decoder = new Decoder(Buffer.concat([eights(600_000), eights(400_000), eights(1)]));
  const readOne = () => decoder.readArray((at) => at.readInt8()).length;
  expect([readOne(), readOne()]).toEqual([600_000, 400_000]);
  expect(readOne).toThrow(RangeError);
});

test('an array of kafkajs whose items are read one after the other is refused before any is', async () => {
  const claim = new WireWriter(4).int32(2 ** 31 - 1).finish();
  await expect(new Decoder(claim).readArrayAsync(() => Promise.resolve(0))).rejects.toThrow(RangeError);
});

/** -7 as a zigzag varint. */
const MINUS_7 = 13;
const ENOUGH = Buffer.alloc(64);

test.each([
  ['a text', (bytes: Buffer) => new Decoder(bytes).readString(), new WireWriter(2).int16(-7)],
  ['a varint text', (bytes: Buffer) => new Decoder(bytes).readVarIntString(), new WireWriter(2).uvarint(MINUS_7)],
  ['bytes', (bytes: Buffer) => new Decoder(bytes).readBytes(), new WireWriter(4).int32(-7)],
  ['varint bytes', (bytes: Buffer) => new Decoder(bytes).readVarIntBytes(), new WireWriter(2).uvarint(MINUS_7)],
])('%s of kafkajs with a negative length is refused: the same bytes would be read again', (_what, read, length) => {
  expect(() => read(Buffer.concat([length.finish(), ENOUGH]))).toThrow(RangeError);
});

test.each([
  ['a text', (bytes: Buffer) => new Decoder(bytes).readString(), new WireWriter(2).int16(65)],
  ['a varint text', (bytes: Buffer) => new Decoder(bytes).readVarIntString(), new WireWriter(2).uvarint(2 * 65)],
  ['a compact text', (bytes: Buffer) => new Decoder(bytes).readUVarIntString(), new WireWriter(2).uvarint(66)],
  ['bytes', (bytes: Buffer) => new Decoder(bytes).readBytes(), new WireWriter(4).int32(65)],
  ['varint bytes', (bytes: Buffer) => new Decoder(bytes).readVarIntBytes(), new WireWriter(2).uvarint(2 * 65)],
  ['compact bytes', (bytes: Buffer) => new Decoder(bytes).readUVarIntBytes(), new WireWriter(2).uvarint(66)],
])('%s of kafkajs longer than the bytes that are left is refused, and what is as long is read', (_what, read, size) => {
  const length = size.finish();
  expect(() => read(Buffer.concat([length, ENOUGH]))).toThrow(RangeError);
  const whole = read(Buffer.concat([length, ENOUGH, Buffer.of(0)]));
  expect(whole?.toString()).toBe('\0'.repeat(65));
});

test('an answer to Fetch that claims more partitions than it has bytes is refused', () => {
  const topics = new WireWriter(32)
    .int32(0)
    .int16(0)
    .int32(0)
    .int32(2 ** 30);
  expect(() => decodeResponse(topics.finish())).toThrow(RangeError);
});

test('an answer that claims 1 GiB ends the connection at once, and says what it may be', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connections = new BrokerConnections(
    { brokers: [], clientId: 'test', logLevel: logLevel.NOTHING, requestTimeout: 60_000 },
    systemClock,
  );
  try {
    const asked = connections.ask(`127.0.0.1:${port}`, () => Promise.resolve());
    await expect(asked).rejects.toThrow(
      /the server claims an answer of 1213486160 bytes, more than the limit of 4194304: is it a Kafka broker\?/,
    );
  } finally {
    await connections.close();
    server.close();
  }
}, 20_000);

/**
 * src/network/connection.js. Decoding an answer blocks the thread: 32 MiB of metadata take a second. Only some answers
 * need that many bytes.
 */
test.each([
  ['Metadata', 3, 4 * MIB, 4 * MIB],
  ['ApiVersions', 18, 4 * MIB, 4 * MIB],
  ['JoinGroup', 11, 32 * MIB, 32 * MIB],
  ['DescribeGroups', 15, 32 * MIB, 32 * MIB],
  ['DescribeProducers', 61, 32 * MIB, 32 * MIB],
  ['Fetch', 1, 32 * MIB, 32 * MIB],
])(
  'the answer to %s may have as many bytes as its kind needs',
  async (apiName, apiKey, limit, accepted) => {
    let size = accepted;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // Only the size and the correlation id, unless the answer is to be accepted.
      socket.on('data', (request: Buffer) => {
        const header = new WireWriter(8).int32(size).int32(request.readInt32BE(8)).finish();
        // Apart: the size may arrive without the correlation id.
        socket.write(header.subarray(0, 4));
        setImmediate(() => socket.write(header.subarray(4)));
        if (size === accepted) socket.write(Buffer.alloc(size - 4));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = bareConnection(port);
    const ask = () => askRaw(connection, { apiKey, apiName });
    try {
      await connectBare(connection);
      expect((await ask()).length).toBe(accepted - 4);
      size = limit + 1;
      const refusal = `the server claims an answer of ${limit + 1} bytes, more than the limit of ${limit}: is it a Kafka broker?`;
      await expect(ask()).rejects.toThrow(refusal);
    } finally {
      await connection.disconnect();
      server.close();
    }
  },
  20_000,
);
