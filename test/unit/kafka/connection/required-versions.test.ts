/** The table of versions has exactly the requests that are sent, and a broker that does not support one is named. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logLevel } from 'kafkajs';
import { lacking, REQUIRED_VERSIONS, versionFaults } from '../../../../src/kafka/connection/required-versions.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { everyVersion, VersionedBrokers, type Supported } from '../../../support/versioned-broker.js';

const KAFKA = join(__dirname, '..', '..', '..', '..', 'src', 'kafka');
/** Requests that are sent only to brokers that support them, or only by `topics create` and other commands. */
const OPTIONAL = new Set([
  'DescribeTransactions 0',
  'DescribeProducers 0',
  'ConsumerGroupDescribe 0',
  'OffsetDelete 0',
  'OffsetForLeaderEpoch 2',
  'DescribeLogDirs 1',
  'Metadata 8',
  'DescribeGroups 3',
]);

test('each request that is made here by name and version is in the table', () => {
  const required = new Set(REQUIRED_VERSIONS.map(({ name, versions }) => `${name} ${versions.max}`));
  const found: string[] = [];
  for (const file of readdirSync(KAFKA, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(KAFKA, file), 'utf8');
    const version = /const API_VERSION = (\d+)/.exec(text)?.[1];
    for (const [, name, number] of text.matchAll(/protocolCall\([^,()]+,\s*'(\w+)',\s*(\d+|API_VERSION)/g))
      found.push(`${name} ${number === 'API_VERSION' ? version : number}`);
  }
  expect(found).toEqual(expect.arrayContaining(['ListOffsets 4', 'OffsetFetch 7', 'EndTxn 1', 'OffsetDelete 0']));
  expect(found.filter((one) => !required.has(one) && !OPTIONAL.has(one))).toEqual([]);
});

test('a broker with all of them is not named', () => {
  expect(lacking('b:9092', everyVersion())).toEqual([]);
});

test('a broker that is too old, or too new, is named with the request and the release that is needed', () => {
  const change = { 9: { minVersion: 0, maxVersion: 5 }, 15: { minVersion: 3, maxVersion: 6 } };
  const supported = Object.fromEntries(
    Object.entries(everyVersion(change)).filter(([key]) => key !== '28'),
  ) as Supported;
  expect(lacking('b:9092', supported)).toEqual([
    'broker b:9092 does not support OffsetFetch in version 7: it has versions 0 to 5; use Kafka 2.5 or later',
    'broker b:9092 does not support TxnOffsetCommit in version 2: it does not know this request; use Kafka 2.1 or later',
    'broker b:9092 does not support DescribeGroups in a version from 0 to 2: it has versions 3 to 6; use a later release of company-sync',
  ]);
});

describe('of several brokers', () => {
  const brokers = new VersionedBrokers();
  afterEach(() => brokers.close());

  test('each is asked, also those that are not in KAFKA_BROKERS, and one that does not answer is skipped', async () => {
    const first = await brokers.start(everyVersion());
    const old = await brokers.start(everyVersion({ 9: { minVersion: 0, maxVersion: 5 } }));
    const NOBODY_LISTENS = 1;
    brokers.ports.push(NOBODY_LISTENS);
    const kafka = { brokers: [first], clientId: 'test', logLevel: logLevel.NOTHING };
    expect(await versionFaults(kafka, systemClock)).toEqual([
      `broker ${old} does not support OffsetFetch in version 7: it has versions 0 to 5; use Kafka 2.5 or later`,
    ]);
  });
});

test('each request that is made here in any other way is in the table by its name', () => {
  const known = new Set([
    ...REQUIRED_VERSIONS.map(({ name }) => name),
    ...[...OPTIONAL].map((one) => one.split(' ')[0]),
  ]);
  const files = readdirSync(KAFKA, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const made = files.flatMap((file) => {
    const text = readFileSync(join(KAFKA, file), 'utf8');
    return [...text.matchAll(/\bapiName: '(\w+)'|\bprotocolCall\(\s*[\w.]+,\s*'(\w+)'/g)].map(
      ([, one, other]) => one ?? other,
    );
  });
  expect(made).toEqual(expect.arrayContaining(['Produce', 'Fetch', 'Metadata', 'InitProducerId', 'DescribeLogDirs']));
  expect(made.filter((name) => !known.has(name))).toEqual([]);
});
