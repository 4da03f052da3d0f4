/** patches/kafkajs+2.2.4.patch: how connections end. */
import { Socket } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { createCluster } from '../../../../src/kafka/connection/cluster.js';
import { startCluster, until } from '../../../../testkit/simulated-kafka/real-time.js';

/** kafkajs's own, as far as it is used here. */
interface KafkaJsCluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  findBroker(node: { nodeId: string }): Promise<{ readonly connectionPool: KafkaJsConnections }>;
  removeBroker(address: { host: string; port: number }): void;
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
