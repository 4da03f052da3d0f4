/** Keeps a kafkajs client from a broker, as if the client were on the other side of a broken network. */
import { connect, type Socket } from 'node:net';
import type { KafkaConfig } from 'kafkajs';

/** Nothing listens on this port, so a connection is refused at once. */
const NOWHERE = { host: '127.0.0.1', port: 1 };

export class AvoidedBroker {
  readonly #sockets = new Map<Socket, string>();
  #avoided: string | null = null;

  /** For the settings of the client. */
  readonly socketFactory: NonNullable<KafkaConfig['socketFactory']> = ({ host, port, onConnect }) => {
    const address = `${host}:${port}`;
    const socket = connect(address === this.#avoided ? NOWHERE : { host, port }, onConnect);
    this.#sockets.set(socket, address);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  };

  /** Breaks all connections to this broker, and refuses new ones until the next call. @param address null for none */
  avoid(address: string | null): void {
    this.#avoided = address;
    // With an error, because kafkajs does not notice a socket that is closed without an error.
    for (const [socket, to] of this.#sockets) if (to === address) socket.destroy(new Error(`${to} is avoided`));
  }
}
