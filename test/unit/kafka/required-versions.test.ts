/** The table of versions is that of the requests which are sent, and a broker that lacks one is named. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { logLevel } from 'kafkajs';
import { lacking, REQUIRED_VERSIONS, versionFaults } from '../../../src/kafka/required-versions.js';
import { WireWriter } from '../../../src/kafka/wire-format.js';
import { systemClock } from '../../../src/lib/system-clock.js';

const KAFKA = join(__dirname, '..', '..', '..', 'src', 'kafka');
/** Sent only to brokers that support them, or by `topics create` and other commands alone. */
const OPTIONAL = new Set([
  'DescribeTransactions 0',
  'DescribeProducers 0',
  'ConsumerGroupDescribe 0',
  'OffsetDelete 0',
  'OffsetForLeaderEpoch 2',
  'DescribeLogDirs 1',
]);

type Supported = Parameters<typeof lacking>[1];

function all(change: Partial<Supported> = {}): Supported {
  const everything: Record<number, Supported[number]> = {};
  for (const { apiKey, versions } of REQUIRED_VERSIONS) {
    const { minVersion = Infinity, maxVersion = 0 } = everything[apiKey] ?? {}; // OffsetFetch comes twice.
    everything[apiKey] = {
      minVersion: Math.min(minVersion, versions.min),
      maxVersion: Math.max(maxVersion, versions.max),
    };
  }
  return { ...everything, ...change } as Supported;
}

test('each request that is made here by name and version is in the table', () => {
  const required = new Set(REQUIRED_VERSIONS.map(({ name, versions }) => `${name} ${versions.max}`));
  const found: string[] = [];
  for (const file of readdirSync(KAFKA)) {
    const text = readFileSync(join(KAFKA, file), 'utf8');
    const version = /const API_VERSION = (\d+)/.exec(text)?.[1];
    for (const [, name, number] of text.matchAll(/protocolCall\([^,()]+,\s*'(\w+)',\s*(\d+|API_VERSION)/g))
      found.push(`${name} ${number === 'API_VERSION' ? version : number}`);
  }
  expect(found).toEqual(expect.arrayContaining(['ListOffsets 4', 'OffsetFetch 7', 'EndTxn 1', 'OffsetDelete 0']));
  expect(found.filter((one) => !required.has(one) && !OPTIONAL.has(one))).toEqual([]);
});

test('a broker with all of them lacks nothing', () => {
  expect(lacking('b:9092', all())).toEqual([]);
});

test('a broker that is too old, or too new, is named with the request and the release that is needed', () => {
  const change = { 9: { minVersion: 0, maxVersion: 5 }, 15: { minVersion: 3, maxVersion: 6 } };
  const supported = Object.fromEntries(Object.entries(all(change)).filter(([key]) => key !== '28')) as Supported;
  expect(lacking('b:9092', supported)).toEqual([
    'broker b:9092 lacks OffsetFetch, version 7: it has versions 0 to 5; Kafka 2.5 or later is needed',
    'broker b:9092 lacks TxnOffsetCommit, version 2: it does not know it; Kafka 2.1 or later is needed',
    'broker b:9092 lacks DescribeGroups, a version from 0 to 2: it has versions 3 to 6; use a later release of company-sync',
  ]);
});

describe('of several brokers', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  /** A broker that says what it supports, and which brokers there are; it answers nothing else. */
  async function broker(supported: Supported, brokers: () => readonly number[]): Promise<number> {
    const versions = new WireWriter(1_000).int16(0).int32(Object.keys(supported).length);
    for (const [apiKey, { minVersion, maxVersion }] of Object.entries(supported))
      versions.int16(Number(apiKey)).int16(minVersion).int16(maxVersion);
    const supports = versions.int32(0 /* throttled */).finish();
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // Requests are small, and each waits for its answer: one comes at a time, whole.
      socket.on('data', (request: Buffer) => {
        const body = request.readInt16BE(4) === API_VERSIONS ? supports : metadataOf(brokers());
        socket.write(
          new WireWriter(8)
            .int32(4 + body.length)
            .int32(request.readInt32BE(8))
            .finish(),
        );
        socket.write(body);
      });
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }
  const API_VERSIONS = 18;

  /** Of Metadata 7, without topics. */
  function metadataOf(ports: readonly number[]): Buffer {
    const to = new WireWriter(1_000).int32(0 /* throttled */).int32(ports.length);
    for (const [nodeId, port] of ports.entries()) to.int32(nodeId).string('127.0.0.1').int32(port).string('a rack');
    return to.string('a cluster').int32(0 /* controller */).int32(0 /* topics */).finish();
  }

  test('each is asked, also those that are not in KAFKA_BROKERS, and one that does not answer is passed over', async () => {
    const ports: number[] = [];
    const first = await broker(all(), () => ports);
    const old = await broker(all({ 9: { minVersion: 0, maxVersion: 5 } }), () => ports);
    const NOBODY_LISTENS = 1;
    ports.push(first, old, NOBODY_LISTENS);
    const kafka = { brokers: [`127.0.0.1:${first}`], clientId: 'test', logLevel: logLevel.NOTHING };
    expect(await versionFaults(kafka, systemClock)).toEqual([
      `broker 127.0.0.1:${old} lacks OffsetFetch, version 7: it has versions 0 to 5; Kafka 2.5 or later is needed`,
    ]);
  });
});
