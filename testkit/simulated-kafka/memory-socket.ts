/** Sockets in memory, from kafkajs to a simulated cluster. */
import { Duplex } from 'node:stream';
import type { AcceptedConnection, SimulatedCluster } from './cluster.js';
import type { SimulatedTime } from './time.js';

/** What kafkajs calls in place of `net.connect`. */
export type SocketFactory = (options: {
  readonly host: string;
  readonly port: number;
  readonly onConnect: () => void;
}) => MemorySocket;

/** Looks like a `net.Socket`, as far as kafkajs uses it. */
export class MemorySocket extends Duplex {
  #connection: AcceptedConnection | null = null;

  constructor(connect: (socket: MemorySocket) => AcceptedConnection, time: SimulatedTime, onConnect: () => void) {
    super({ allowHalfOpen: false });
    this.#later(time, () => {
      try {
        this.#connection = connect(this);
        onConnect();
      } catch (error) {
        this.destroy(error as Error);
      }
    });
  }

  /** A real socket reports everything later than the call that caused it. */
  #later(time: SimulatedTime, run: () => void): void {
    time.after(0, () => {
      if (!this.destroyed) run();
    });
  }

  setKeepAlive(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    // The cluster pushes its answers.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#connection?.receive(bytes);
    done();
  }

  override _final(done: () => void): void {
    this.#connection?.closed();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection?.closed();
    done(error);
  }
}

export function socketFactoryFor(cluster: SimulatedCluster, time: SimulatedTime): SocketFactory {
  return ({ host, port, onConnect }) => {
    const connect = (socket: MemorySocket): AcceptedConnection =>
      cluster.accept(
        `${host}:${port}`,
        (bytes) => void socket.push(bytes),
        () => void socket.push(null),
      );
    return new MemorySocket(connect, time, onConnect);
  };
}
