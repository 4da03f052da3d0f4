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
const API_KEY_AT = 4;
/** Keys of requests, as https://kafka.apache.org/protocol numbers them. */
export const JOIN_GROUP = 11;
export const SYNC_GROUP = 14;
export const INIT_PRODUCER_ID = 22;
export const END_TXN = 26;

export class Network {
  readonly #connections = new Set<Connection>();
  /** By `nameOf`. */
  readonly #blocked = new Set<string>();
  readonly #latencies = new Map<string, number>();
  /** How often a request or its answer is lost. */
  lossRate = 0;
  /** What waits for a request with this key from any instance but one. */
  #watch: { readonly apiKey: number; readonly except: string; readonly run: (instance: string) => void } | null = null;
  /** What happens to the next request, by its key. */
  readonly #nextLosses = new Map<number, { readonly loss: Loss; readonly instance: string | null }>();

  constructor(
    private readonly world: World,
    readonly random: SeededRandom,
  ) {}

  /** How many are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many of them a process has. */
  connectionsOf(process: SimulatedProcess): number {
    return [...this.#connections].filter((connection) => connection.process === process).length;
  }

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
    const maxMs = this.#latencies.size === 0 ? undefined : this.#latencies.get(nameOf(way));
    return this.random.next() * (maxMs ?? USUAL_LATENCY_MS);
  }

  isBlocked(way: Way): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(nameOf(way));
  }

  /** Whether a request gets lost now. */
  lossOf({ instance }: Way, request: Buffer): Loss | null {
    const apiKey = request.length < API_KEY_AT + 2 ? -1 : request.readInt16BE(API_KEY_AT);
    if (this.#watch?.apiKey === apiKey && this.#watch.except !== instance) {
      const { run } = this.#watch;
      this.#watch = null;
      run(instance);
    }
    const next = this.#nextLosses.get(apiKey);
    if (next !== undefined && (next.instance === null || next.instance === instance)) {
      this.#nextLosses.delete(apiKey);
      return next.loss;
    }
    if (this.lossRate === 0 || !this.random.chance(this.lossRate)) return null;
    return this.random.pick(['request lost', 'answer lost']);
  }

  /** The next request with this key is lost with its connection. @param instance if only a request of this one is */
  loseNext(apiKey: number, loss: Loss, instance: string | null = null): void {
    this.#nextLosses.set(apiKey, { loss, instance });
  }

  /** Calls `run` when another instance than this one sends its next request with this key. */
  whenNext(apiKey: number, except: string, run: (instance: string) => void): void {
    this.#watch = { apiKey, except, run };
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
    this.#nextLosses.clear();
    this.#watch = null;
  }

  processEnded(process: SimulatedProcess): void {
    for (const connection of [...this.#connections]) if (connection.process === process) connection.ended();
  }
}

function nameOf({ instance, address }: Way): string {
  return `${instance}/${address}`;
}
