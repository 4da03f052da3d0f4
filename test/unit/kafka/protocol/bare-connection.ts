/** A connection of kafkajs to a server of the test, without the cluster around it. */
import { connect } from 'node:net';
import Connection from 'kafkajs/src/network/connection.js';

const SILENT = { namespace: () => ({ debug: () => undefined, error: () => undefined, warn: () => undefined }) };

/** Not connected yet. */
export function bareConnection(port: number): Connection {
  return new Connection({
    host: '127.0.0.1',
    port,
    logger: SILENT,
    socketFactory: ({ onConnect }) => connect(port, '127.0.0.1').once('connect', onConnect),
    requestTimeout: 60_000,
    connectionTimeout: 10_000,
  });
}

/** Also connects again, after an answer has ended the connection. */
export async function connectBare(connection: Connection): Promise<void> {
  await connection.connect();
  connection.authenticatedAt = process.hrtime();
}

/** Sends an empty request. @returns the raw answer */
export function askRaw(connection: Connection, { apiKey = 3, apiName = 'Metadata' } = {}): Promise<Buffer> {
  const request = { apiKey, apiName, apiVersion: 0, encode: () => ({ buffer: Buffer.alloc(0) }) };
  const response = { decode: (answer: Buffer) => Promise.resolve(answer), parse: (answer: Buffer) => answer };
  return connection.send({ request, response });
}
