/** Connections to brokers by address, made and kept by kafkajs: TCP, TLS, SASL and request time-outs are its. */
import { settlesWithin } from '../../lib/long-promise.js';
import type { Clock } from '../../lib/clock.js';
import { systemClock } from '../../lib/system-clock.js';
import { isOwnFault } from '../../lib/own-fault.js';
import { BrokerError } from '../../pipeline/errors.js';
import { createCluster, type Cluster, type KafkaConfig } from './cluster.js';
import type { ConnectedBroker, ConnectionPool } from '../protocol/protocol-call.js';

/** A broker has answered with bytes that are not an answer to the request: damaged, cut off, or of something that is no broker. */
export class UnreadableAnswerError extends BrokerError {
  constructor(address: string, request: string, cause: unknown) {
    super(`the answer of ${address} to ${request} cannot be read: ${String(cause)}`, { cause });
  }
}

/**
 * kafkajs ends each request after its own time-out, long before this. It is for what that misses: a connection that is
 * never ready, or an answer that is lost on its way through kafkajs, would be waited for without a word. A broker that
 * throttles may let a request wait for a minute or more.
 */
const QUESTION_DEADLINE_MS = 5 * 60_000;

/**
 * One kafkajs cluster object for each address, of which only the seed broker is used. So kafkajs's metadata, with its
 * retries and its refusal of all topics for the fault of one, stays out of the way of reading.
 */
export class BrokerConnections {
  readonly #links = new Map<string, Link>();
  /** A connection was lost since `lostOne` was called last. */
  #lostOne = false;
  #closed = false;

  constructor(
    private readonly config: KafkaConfig,
    private readonly clock: Clock = systemClock,
  ) {}

  /**
   * Connects where that is not done, and asks. One attempt: the caller retries.
   * @throws what kafkajs throws where the broker cannot be reached, refuses, or does not answer in time;
   * UnreadableAnswerError; BrokerError after QUESTION_DEADLINE_MS
   */
  async ask<T>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the connections to the brokers have been closed');
    let link = this.#links.get(address);
    if (link === undefined) {
      this.#dropLost(); // Brokers come and go under ever new addresses.
      link = new Link(address, { ...this.config, brokers: [address], retry: { retries: 0 } }, this.clock);
      this.#links.set(address, link);
    }
    return link.ask(question);
  }

  /** Whether a connection was lost since the last call. Lost ones are opened again when they are needed. */
  lostOne(): boolean {
    this.#dropLost();
    const lost = this.#lostOne;
    this.#lostOne = false;
    return lost;
  }

  /** Gives up a connection that failed: the next use makes a new one. What is still in flight on it may end first. */
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

/** kafkajs's own: the broker that a cluster object was told to begin with. */
interface SeededCluster {
  readonly brokerPool: { readonly seedBroker: ConnectedBroker | undefined };
}

class Link {
  readonly #cluster: Cluster;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Once it was connected. */
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
   * kafkajs must not be told to disconnect while it connects, which a first request does too: it would do nothing, and
   * the connection made a moment later would stay open for good.
   */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    // A connection that fails in closing is closed.
    await this.#cluster.disconnect().catch(() => undefined);
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    if (await settlesWithin(answer, this.clock, QUESTION_DEADLINE_MS)) return answer;
    throw new BrokerError(`${this.address} gave no answer within ${QUESTION_DEADLINE_MS / 1000} s`);
  }

  async #connect(): Promise<ConnectedBroker> {
    await this.#cluster.connect().catch((error: unknown) => {
      // What it asks then is decoded by kafkajs alone: its RangeErrors would pass for faults of this program.
      throw isOwnFault(error)
        ? new UnreadableAnswerError(this.address, 'the requests of a new connection', error)
        : error;
    });
    const broker = (this.#cluster as unknown as SeededCluster).brokerPool.seedBroker;
    if (broker === undefined) throw new Error('kafkajs has no seed broker: is it another version than 2.2.4?');
    if (this.#broker !== broker) readAnswersOf(broker.connectionPool, this.address);
    this.#broker = broker;
    return broker;
  }
}

/** The errors of all decoders, also those of kafkajs, become one that says what has failed. */
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
