import { logLevel } from 'kafkajs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { BrokerConnections } from '../../src/kafka/connection/broker-connections.js';
import { systemClock } from '../../src/lib/system-clock.js';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';

const [broker = ''] = currentCluster().bootstrap.split(',');
const [host, port] = broker.split(':');

test('a lost connection is reported once, and opened again when it is needed', async () => {
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), host);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const connections = new BrokerConnections({ brokers: [address], logLevel: logLevel.NOTHING }, systemClock);
  const ask = () => connections.ask(address, ({ connectionPool }) => Promise.resolve(connectionPool.isConnected()));
  try {
    expect(connections.lostOne()).toBe(false);
    expect(await ask()).toBe(true);
    expect(connections.lostOne()).toBe(false);

    for (const socket of sockets) socket.destroy();
    const noticed = () => Promise.resolve(connections.lostOne());
    await pollUntil(noticed, { awaited: 'the loss is noticed', timeoutMs: 5_000 });
    expect(connections.lostOne()).toBe(false);
    expect(await ask()).toBe(true);
    expect(connections.lostOne()).toBe(false);
  } finally {
    await connections.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
});
