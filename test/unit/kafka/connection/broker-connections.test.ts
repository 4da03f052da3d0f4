/** Connections to brokers that are permanently gone are dropped, and wrong or missing answers become errors. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { logLevel } from 'kafkajs';
import { BrokerConnections, UnreadableAnswerError } from '../../../../src/kafka/connection/broker-connections.js';
import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import { metadataOf } from '../../../../src/kafka/protocol/metadata-protocol.js';
import { isOwnFault } from '../../../../src/lib/own-fault.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { heapInUse } from '../../../../testkit/heap.js';
import { ManualClock } from '../../../support/manual-clock.js';

const CORRELATION_ID_AT = 8;

/** A broker that answers one request, ApiVersions, with an empty list. */
class Broker {
  /** @param answerBytes fewer than 18 bytes are not an answer */
  constructor(private readonly answerBytes = 18) {}

  readonly #sockets: Socket[] = [];
  readonly #server = createServer((socket) => {
    this.#sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request) => {
      const answer = Buffer.alloc(this.answerBytes);
      answer.writeInt32BE(answer.length - 4);
      request.copy(answer, 4, CORRELATION_ID_AT, CORRELATION_ID_AT + 4);
      socket.write(answer);
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

test('a connection to a broker that is gone is dropped at the first contact with another one, and still counts as lost', async () => {
  const former = new Broker();
  const next = new Broker();
  const [formerAddress, nextAddress] = await Promise.all([former.start(), next.start()]);
  const connections = new BrokerConnections({ brokers: [], logLevel: logLevel.NOTHING }, systemClock);
  try {
    let isConnected = () => true;
    const met = await connections.ask(formerAddress, (broker) => {
      isConnected = () => broker.connectionPool.isConnected();
      return Promise.resolve(new WeakRef<ConnectedBroker>(broker));
    });
    await former.stop();
    while (isConnected()) await new Promise(setImmediate);
    isConnected = () => false;

    await connections.ask(nextAddress, () => Promise.resolve());
    for (let i = 0; i < 20 && met.deref() !== undefined; i++) {
      await new Promise(setImmediate);
      heapInUse();
    }
    expect(met.deref()).toBeUndefined();
    expect(connections.lostOne()).toBe(true);
    expect(connections.lostOne()).toBe(false);
  } finally {
    await connections.close();
    await next.stop();
  }
});

test('an answer that cannot be read while the connection is made is an error of the broker too', async () => {
  const broker = new Broker(9);
  const address = await broker.start();
  const connections = new BrokerConnections({ brokers: [], logLevel: logLevel.NOTHING }, systemClock);
  try {
    const outcome = await connections.ask(address, () => Promise.resolve()).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(UnreadableAnswerError);
    expect(isOwnFault(outcome)).toBe(false);
  } finally {
    await connections.close();
    await broker.stop();
  }
});

test('an answer that cannot be read is an error of the broker, also if kafkajs decodes it', async () => {
  const broker = new Broker();
  const address = await broker.start();
  const connections = new BrokerConnections({ brokers: [], logLevel: logLevel.NOTHING }, systemClock);
  try {
    const outcome = connections.ask(address, (asked) => metadataOf(asked, 'a-topic')).catch((error: unknown) => error);
    expect(await outcome).toBeInstanceOf(UnreadableAnswerError);
    expect(await outcome).toMatchObject({
      message: expect.stringMatching(
        new RegExp(`^the answer of ${address} to Metadata cannot be read: RangeError`),
      ) as string,
    });
    const ofOurs = new TypeError('a fault of this program');
    await expect(connections.ask(address, () => Promise.reject(ofOurs))).rejects.toBe(ofOurs);
  } finally {
    await connections.close();
    await broker.stop();
  }
});

test('a request that is never answered ends with an error, and closing does not wait for it', async () => {
  const broker = new Broker();
  const address = await broker.start();
  const clock = new ManualClock();
  const connections = new BrokerConnections({ brokers: [], logLevel: logLevel.NOTHING }, clock);
  let isAsked: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  const never = new Promise<void>(() => undefined);
  const outcome = connections.ask(address, () => (isAsked(), never)).catch((error: unknown) => error);
  await asked;
  const closed = connections.close();
  clock.advance(5 * 60_000);
  expect(await outcome).toEqual(new BrokerError(`${address} gave no answer within 300 s`));
  await closed;
  await broker.stop();
});
