declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net';

  interface ConnectionOptions {
    readonly host: string;
    readonly port: number;
    readonly logger: { namespace(name: string): Readonly<Record<'debug' | 'error' | 'warn', () => void>> };
    readonly socketFactory: (options: { readonly onConnect: () => void }) => Socket;
    readonly requestTimeout: number;
    readonly connectionTimeout: number;
  }

  export default class Connection {
    constructor(options: ConnectionOptions);
    authenticatedAt: [number, number];
    connect(): Promise<unknown>;
    send(call: object): Promise<Buffer>;
    /** Takes bytes of the socket. */
    processData(bytes: Buffer): void;
    disconnect(): Promise<unknown>;
  }
}
