/** patches/kafkajs+2.2.4.patch: how connections end. */
import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { WireWriter } from '../../../../src/kafka/protocol/wire-format.js';
import { createCluster } from '../../../../src/kafka/connection/cluster.js';
import { startCluster, until } from '../../../../testkit/simulated-kafka/real-time.js';

/** kafkajs's own, as far as it is used here. */
interface KafkaJsCluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  findBroker(node: { nodeId: string }): Promise<KafkaJsBroker>;
  removeBroker(address: { host: string; port: number }): void;
}

interface KafkaJsBroker {
  readonly connectionPool: KafkaJsConnections;
  metadata(topics: readonly string[]): Promise<unknown>;
}

interface KafkaJsConnections {
  readonly host: string;
  readonly port: number;
  getConnection(): Promise<unknown>;
  isConnected(): boolean;
}

/** With `socket` for each connection. */
function adminWith(socket: Socket) {
  const socketFactory = () => socket;
  const config = { brokers: ['broker:9092'], connectionTimeout: 50, retry: { retries: 0 } };
  return new Kafka({ ...config, socketFactory, logLevel: logLevel.NOTHING }).admin();
}

/**
 * src/network/connection.js. As published, the attempt never ends: the end of the connection stops the timer of the
 * attempt. Every later request to this broker then waits without an end, also a heartbeat.
 */
test('an attempt to connect fails if the connection ends before it is made', async () => {
  const socket = new Socket();
  setImmediate(() => socket.emit('end'));
  await expect(adminWith(socket).connect()).rejects.toThrow('Connection closed');
});

/** src/network/connection.js. As published, the socket connects later, and nothing closes it. */
test('a socket that does not connect in time is destroyed', async () => {
  const socket = new Socket();
  await expect(adminWith(socket).connect()).rejects.toThrow('Connection timeout');
  expect(socket.destroyed).toBe(true);
});

/**
 * src/cluster/brokerPool.js. As published, the pool forgets a broker that it removes, for example after a lost
 * connection. The consumer goes on to use that broker as its coordinator, and so connects it again.
 */
test('the connections of a removed broker are closed with the others', async () => {
  const real = startCluster();
  const cluster = createCluster(real.config) as unknown as KafkaJsCluster;
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const broker = await cluster.findBroker({ nodeId: '2' });
    cluster.removeBroker(broker.connectionPool);
    await broker.connectionPool.getConnection();
    await cluster.disconnect();
    await until('the connection is closed', () => !broker.connectionPool.isConnected());
  } finally {
    real.stop();
  }
});

/** src/cluster/brokerPool.js. As published, 190,000 brokers in one answer of 4 MB stop the thread for minutes. */
test('metadata with more brokers than a cluster can have is refused', async () => {
  const [apiVersions, brokers] = [18, 5_001];
  const versions = new WireWriter(64).int16(0).int32(2);
  for (const [key, version] of [
    [3, 6],
    [apiVersions, 2],
  ] as const)
    versions.int16(key).int16(0).int16(version);
  const metadata = new WireWriter(brokers * 20).int32(0).int32(brokers);
  for (let id = 0; id < brokers; id++) metadata.int32(id).string('a').int32(9092).int16(-1);
  const [toVersions, toMetadata] = [versions.int32(0).finish(), metadata.int16(-1).int32(0).int32(0).finish()];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request: Buffer) => {
      const body = request.readInt16BE(4) === apiVersions ? toVersions : toMetadata;
      socket.write(
        new WireWriter(8)
          .int32(body.length + 4)
          .int32(request.readInt32BE(8))
          .finish(),
      );
      socket.write(body);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const config = { brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING, retry: { retries: 0 } };
  const cluster = createCluster(config) as unknown as KafkaJsCluster;
  try {
    await cluster.connect();
    await expect(cluster.refreshMetadata()).rejects.toThrow(
      'the server names 5001 brokers, more than the limit of 5000',
    );
  } finally {
    await cluster.disconnect();
    server.close();
  }
});

/**
 * src/network/connectionPool.js. A stop waits for the answer to JoinGroup. Then the consumer sends SyncGroup, and connects
 * again. As published, nothing closes that connection.
 */
test('a request after disconnect leaves no connection open', async () => {
  const real = startCluster();
  const cluster = createCluster(real.config) as unknown as KafkaJsCluster;
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const broker = await cluster.findBroker({ nodeId: '2' });
    await cluster.disconnect();
    await broker.metadata([]);
    await until('the connection is closed', () => !broker.connectionPool.isConnected());
  } finally {
    real.stop();
  }
});
