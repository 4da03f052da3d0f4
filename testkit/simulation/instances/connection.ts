/** A connection between a process and a broker. Bytes of one direction arrive later, and in their order. */
import { EventEmitter } from 'node:events';
import type { AcceptedConnection } from '../../simulated-kafka/index.js';
import type { Loss } from './network.js';
import type { SimulatedProcess } from './process.js';
import type { World } from './world.js';

export interface Way {
  readonly instance: string;
  readonly address: string;
}

/** A broker finishes a request within this time after its answer was lost. */
const MAX_LINGER_MS = 100;

/** Looks like a `net.Socket`, as far as kafkajs uses it. */
export class SimulatedSocket extends EventEmitter {
  constructor(private readonly connection: Connection) {
    super();
  }

  write(bytes: Buffer): boolean {
    this.connection.write(bytes);
    return true;
  }

  end(): this {
    this.connection.end();
    return this;
  }

  destroy(error?: Error): this {
    this.connection.destroy();
    if (error !== undefined) this.emit('error', error);
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

export class Connection {
  readonly socket = new SimulatedSocket(this);
  #accepted: AcceptedConnection | null = null;
  #onClose: () => void = () => undefined;
  /** The process has closed it, or it is broken. */
  #isOver = false;
  /** Nothing arrives at the broker any more, or at the process. */
  #losesRequests = false;
  #losesAnswers = false;
  /** The process has learnt that it is closed: after that, a socket has no other event. */
  #isBroken = false;
  readonly #lastArrival = { broker: 0, process: 0 };

  constructor(
    private readonly world: World,
    readonly process: SimulatedProcess,
    readonly way: Way,
  ) {}

  open(onConnect: () => void, onClose: () => void): void {
    this.#onClose = onClose;
    this.#arrive('broker', () => {
      if (this.#isBlocked) return;
      try {
        this.#accepted = this.world.cluster.accept(
          this.way.address,
          (bytes) => this.#send(bytes),
          () => this.#arrive('process', () => this.#closedByPeer(null)),
        );
      } catch (error) {
        return this.#arrive('process', () => this.#closedByPeer(error as Error));
      }
      this.#arrive('process', () => {
        if (!this.#isBroken) this.process.enter(onConnect);
      });
    });
  }

  write(bytes: Buffer): void {
    if (this.#isOver) return;
    const loss = this.world.network.lossOf(this.way, bytes);
    if (loss === 'request lost') return this.cut(loss);
    this.#arrive('broker', () => {
      if (this.#losesRequests || this.#isBlocked) return;
      this.world.sawBytes(bytes);
      this.#accepted?.receive(bytes);
      if (loss === 'answer lost') this.cut(loss);
    });
  }

  /** The connection breaks. The process learns it at once. */
  cut(loss: Loss): void {
    this.world.trace(this.process.name, `connection to ${this.way.address} breaks: ${loss}`);
    this.#losesAnswers = true;
    if (loss === 'request lost') this.#losesRequests = true;
    this.#arrive('process', () => this.#closedByPeer(new Error('read ECONNRESET')));
    this.#closeBroker(this.world.network.random.next() * MAX_LINGER_MS);
  }

  /** The process closes it. What it has sent still arrives. Then the broker closes its end too. */
  end(): void {
    if (this.#isOver) return;
    this.ended();
    this.#arrive('broker', () =>
      this.#arrive('process', () => {
        if (this.#isBroken || this.#isBlocked) return;
        this.#isBroken = true;
        this.process.enter(() => this.socket.emit('end'));
      }),
    );
  }

  /** The process closes it, and hears no more of it. */
  destroy(): void {
    this.#isBroken = true;
    this.ended();
  }

  /** The process is gone. What it has sent still arrives. */
  ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClose();
    this.#closeBroker(0);
  }

  get #isBlocked(): boolean {
    return this.world.network.isBlocked(this.way);
  }

  #send(bytes: Buffer): void {
    this.#arrive('process', () => {
      if (this.#isOver || this.#losesAnswers || this.#isBlocked) return;
      this.world.sawBytes(bytes);
      this.process.enter(() => {
        if (!this.#isOver) this.socket.emit('data', bytes);
      });
    });
  }

  #closedByPeer(error: Error | null): void {
    if (this.#isOver || (error === null && this.#isBlocked)) return;
    this.#isOver = true;
    this.#isBroken = true;
    this.#onClose();
    this.process.enter(() => {
      if (error === null) this.socket.emit('end');
      else this.socket.emit('error', error);
    });
  }

  #closeBroker(afterMs: number): void {
    this.#arrive('broker', () => void this.world.time.after(afterMs, () => this.#accepted?.closed()));
  }

  #arrive(at: 'broker' | 'process', run: () => void): void {
    const { time, network } = this.world;
    const arrival = Math.max(time.elapsed() + network.latencyMs(this.way), this.#lastArrival[at]);
    this.#lastArrival[at] = arrival;
    time.after(arrival - time.elapsed(), run);
  }
}
