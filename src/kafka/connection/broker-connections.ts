/** Connections to brokers, by address. kafkajs makes and keeps them: it does TCP, TLS, SASL and request timeouts. */
import { settlesWithin } from '../../lib/long-promise.js';
import type { Clock } from '../../lib/clock.js';
import { isOwnFault } from '../../lib/own-fault.js';
import { BrokerError } from '../../pipeline/errors.js';
import { createCluster, type Cluster, type KafkaConfig } from './cluster.js';
import type { ConnectedBroker, ConnectionPool } from '../protocol/protocol-call.js';

/** The bytes of an answer do not fit the request: they are damaged, cut off, or not from a Kafka broker. */
export class UnreadableAnswerError extends BrokerError {
  constructor(address: string, request: string, cause: unknown) {
    super(`the answer of ${address} to ${request} cannot be read: ${String(cause)}`, { cause });
  }
}

/**
 * A last resort: usually kafkajs ends a request after its own timeout, long before this. But if a connection never
 * becomes ready, or if kafkajs loses an answer internally, it waits permanently without a message. The limit is this
 * high because a broker that throttles may delay a request for a minute or more.
 */
const QUESTION_DEADLINE_MS = 5 * 60_000;

/**
 * Keeps one kafkajs cluster object for each address, and uses only its seed broker. So reading does not depend on
 * kafkajs's metadata. That code has retries of its own, and refuses all topics if one of them has a fault.
 */
export class BrokerConnections {
  readonly #links = new Map<string, Link>();
  /** True if a connection was lost since the last call of `lostOne`. */
  #lostOne = false;
  #closed = false;

  constructor(
    private readonly config: KafkaConfig,
    private readonly clock: Clock,
  ) {}

  /**
   * Connects if necessary, and asks. Makes one attempt: the caller retries.
   * @throws what kafkajs throws if the broker cannot be reached, refuses, or does not answer in time;
   *   UnreadableAnswerError; BrokerError after QUESTION_DEADLINE_MS
   */
  async ask<T>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the connections to the brokers have been closed');
    let link = this.#links.get(address);
    if (link === undefined) {
      this.#dropLost(); // Without this, connections would pile up: brokers may come back under new addresses.
      link = new Link(address, { ...this.config, brokers: [address], retry: { retries: 0 } }, this.clock);
      this.#links.set(address, link);
    }
    return link.ask(question);
  }

  /** Whether a connection was lost since the last call. A lost connection is opened again when it is needed. */
  lostOne(): boolean {
    this.#dropLost();
    const lost = this.#lostOne;
    this.#lostOne = false;
    return lost;
  }

  /** Drops a connection that failed: the next use makes a new one. Requests in flight may finish before it closes. */
  drop(address: string): void {
    const link = this.#links.get(address);
    this.#links.delete(address);
    void link?.close();
  }

  #dropLost(): void {
    for (const [address, link] of this.#links)
      if (link.isLost()) {
        this.#lostOne = true;
        this.drop(address);
      }
  }

  /** Resolves when all questions have ended and all connections are closed. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }
}

/** A part of kafkajs's cluster object. Its seed broker is the broker that the object was given at the start. */
interface SeededCluster {
  readonly brokerPool: { readonly seedBroker: ConnectedBroker | undefined };
}

class Link {
  readonly #cluster: Cluster;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Undefined until it was connected for the first time. */
  #broker: ConnectedBroker | undefined;

  constructor(
    private readonly address: string,
    config: KafkaConfig,
    private readonly clock: Clock,
  ) {
    this.#cluster = createCluster(config);
  }

  ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    const answer = this.#inTime(this.#connect().then(question));
    this.#inFlight.add(answer);
    return answer.finally(() => this.#inFlight.delete(answer));
  }

  isLost(): boolean {
    return this.#broker !== undefined && !this.#broker.connectionPool.isConnected();
  }

  /**
   * Waits for all requests in flight. The reason: a first request opens the connection, and kafkajs ignores
   * `disconnect` while it connects. The connection that it opens a moment later would stay open permanently.
   */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    // A connection whose closing fails counts as closed.
    await this.#cluster.disconnect().catch(() => undefined);
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    if (await settlesWithin(answer, this.clock, QUESTION_DEADLINE_MS)) return answer;
    throw new BrokerError(`${this.address} gave no answer within ${QUESTION_DEADLINE_MS / 1000} s`);
  }

  async #connect(): Promise<ConnectedBroker> {
    await this.#cluster.connect().catch((error: unknown) => {
      // Only kafkajs decodes these answers. Without this, its RangeErrors would look like faults of this program.
      throw isOwnFault(error)
        ? new UnreadableAnswerError(this.address, 'the requests of a new connection', error)
        : error;
    });
    const broker = (this.#cluster as unknown as SeededCluster).brokerPool.seedBroker;
    if (broker === undefined)
      throw new Error('kafkajs has no seed broker: install version 2.2.4, which package-lock.json names');
    if (this.#broker !== broker) readAnswersOf(broker.connectionPool, this.address);
    this.#broker = broker;
    return broker;
  }
}

/** Turns each error of a decoder, ours or kafkajs's, into one that names the request and the broker. */
function readAnswersOf(connectionPool: ConnectionPool, address: string): void {
  const send = connectionPool.send.bind(connectionPool);
  connectionPool.send = (call) => {
    const decode = (body: Buffer) =>
      Promise.resolve(body)
        .then((bytes) => call.response.decode(bytes))
        .catch((cause: unknown) => {
          throw cause instanceof BrokerError ? cause : new UnreadableAnswerError(address, call.request.apiName, cause);
        });
    return send({ ...call, response: { ...call.response, decode } });
  };
}
