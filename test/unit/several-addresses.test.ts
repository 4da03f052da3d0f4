/**
 * A name with several addresses, such as localhost with IPv4 and IPv6: Node's error then has no message, and every text
 * that repeats it must have the reason anyway.
 */
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { pino } from 'pino';
import { TopicAdmin } from '../../src/kafka/topics/topic-admin.js';
import { kafkaConfigOf } from '../../src/kafka/connection/kafka-config.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { InstanceClient } from '../../src/ops/instance-client.js';
import { MemberProofs } from '../../src/ops/member-proof.js';
import { SchemaRegistry } from '../../src/registry/schema-registry.js';
import { schemaById } from '../../testkit/schema-source.js';

/** A port of the name `several.test` at which nothing listens. */
let port = 0;

beforeAll(async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  const addresses = [
    { address: '127.0.0.2', family: 4 },
    { address: '127.0.0.3', family: 4 },
  ];
  jest
    .spyOn(dns, 'lookup')
    .mockImplementation(((_name: string, _options: object, answer: (...args: unknown[]) => void) =>
      process.nextTick(answer, null, addresses)) as never);
});

afterEach(() => jest.restoreAllMocks());

test('the schema registry', async () => {
  const registry = new SchemaRegistry({ url: `http://several.test:${port}`, credentials: null });
  await expect(schemaById(registry, 1)).rejects.toThrow(
    `does not answer: connect ECONNREFUSED 127.0.0.2:${port}, connect ECONNREFUSED 127.0.0.3:${port}`,
  );
});

test('another instance', async () => {
  const client = new InstanceClient(new MemberProofs([], systemClock), () => Promise.resolve([]));
  await expect(client.partitions(`http://several.test:${port}`, () => undefined)).rejects.toThrow(
    `gives no answer: connect ECONNREFUSED 127.0.0.2:${port}, connect ECONNREFUSED 127.0.0.3:${port}`,
  );
});

test('a broker', async () => {
  const kafka = { brokers: [`several.test:${port}`], tls: null, sasl: null };
  const config = kafkaConfigOf({ applicationId: 'any', kafka }, pino({ level: 'silent' }));
  // The time for retries passes quickly.
  let now = 0;
  const clock = { ...systemClock, now: () => (now += 5_000) };
  const admin = new TopicAdmin(config, clock);
  try {
    await expect(admin.countBrokers('any')).rejects.toThrow(
      `no broker of KAFKA_BROKERS (several.test:${port}) answers: several.test:${port} refuses the connection (ECONNREFUSED)`,
    );
  } finally {
    await admin.close();
  }
});
