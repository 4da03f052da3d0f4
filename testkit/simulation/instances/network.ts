/** The network between instances and brokers: latency, lost requests and answers, ways that are blocked. */
import type { SeededRandom } from '../../seeded-random.js';
import { Connection, type SimulatedSocket, type Way } from './connection.js';
import type { SimulatedProcess } from './process.js';
import type { World } from './world.js';

/** What kafkajs calls in place of `net.connect`. */
export type SocketFactory = (options: {
  readonly host: string;
  readonly port: number;
  readonly onConnect: () => void;
}) => SimulatedSocket;

/** A request is lost with its connection before the broker has it, or its answer is lost. */
export type Loss = 'request lost' | 'answer lost';

const USUAL_LATENCY_MS = 1;
const END_TXN = 26;
const API_KEY_AT = 4;

export class Network {
  readonly #connections = new Set<Connection>();
  /** By `nameOf`. */
  readonly #blocked = new Set<string>();
  readonly #latencies = new Map<string, number>();
  /** How often a request or its answer is lost. */
  lossRate = 0;
  /** What happens to the next commit of a transaction. */
  nextCommit: Loss | null = null;

  constructor(
    private readonly world: World,
    readonly random: SeededRandom,
  ) {}

  /** Sockets of one process. */
  socketsOf(process: SimulatedProcess, instance: string): SocketFactory {
    return ({ host, port, onConnect }) => {
      const address = `${host}:${port}`;
      const connection = new Connection(this.world, process, { instance, address });
      this.#connections.add(connection);
      connection.open(onConnect, () => this.#connections.delete(connection));
      return connection.socket;
    };
  }

  latencyMs(way: Way): number {
    return this.random.next() * (this.#latencies.get(nameOf(way)) ?? USUAL_LATENCY_MS);
  }

  isBlocked(way: Way): boolean {
    return this.#blocked.has(nameOf(way));
  }

  /** Whether a request gets lost now. */
  lossOf(request: Buffer): Loss | null {
    if (this.nextCommit !== null && request.length > API_KEY_AT + 2 && request.readInt16BE(API_KEY_AT) === END_TXN) {
      const loss = this.nextCommit;
      this.nextCommit = null;
      return loss;
    }
    if (this.lossRate === 0 || !this.random.chance(this.lossRate)) return null;
    return this.random.pick(['request lost', 'answer lost']);
  }

  /** Nothing passes, until `unblock`. */
  block(way: Way): void {
    this.#blocked.add(nameOf(way));
  }

  unblock(way: Way): void {
    this.#blocked.delete(nameOf(way));
  }

  slowDown(way: Way, maxLatencyMs: number): void {
    this.#latencies.set(nameOf(way), maxLatencyMs);
  }

  speedUp(way: Way): void {
    this.#latencies.delete(nameOf(way));
  }

  /** Cuts the connections of one instance. */
  cut(instance: string, loss: Loss): void {
    for (const connection of [...this.#connections]) if (connection.way.instance === instance) connection.cut(loss);
  }

  /** From now on, no fault is on. */
  clear(): void {
    this.#blocked.clear();
    this.#latencies.clear();
    this.lossRate = 0;
    this.nextCommit = null;
  }

  processEnded(process: SimulatedProcess): void {
    for (const connection of [...this.#connections]) if (connection.process === process) connection.ended();
  }
}

function nameOf({ instance, address }: Way): string {
  return `${instance}/${address}`;
}
