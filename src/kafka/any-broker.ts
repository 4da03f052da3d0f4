/** For questions that every broker can answer. */
import type { Clock } from '../lib/clock.js';
import { BrokerError } from '../pipeline/errors.js';
import type { BrokerConnections, ConnectedBroker } from './broker-connections.js';
import type { KafkaConfig } from './cluster.js';
import { isProtocolError } from './protocol-errors.js';

/** Connecting included. Well below the patience of those who ask, so that a frozen broker leaves time for another. */
const ANSWER_TIMEOUT_MS = 4_000;

/** An answer, and the address of the broker that gave it. */
export interface Told<T> {
  readonly answer: T;
  readonly toldBy: string;
}

/**
 * Stays with one broker until that fails or is found to be wrong, then goes on to the next. It is shared by those who
 * ask and outlives them: who starts anew after a failure must not begin with the same broker again.
 */
export class AnyBroker {
  #brokers: readonly string[] = [];
  #current = 0;

  constructor(
    private readonly config: Pick<KafkaConfig, 'brokers'>,
    private readonly clock: Clock,
  ) {}

  /** How many attempts it takes until each broker has had one. */
  async count(): Promise<number> {
    await this.#address();
    return this.#brokers.length;
  }

  /**
   * One attempt; the next one goes to another broker where this one fails.
   * @throws what `question` throws; NoAnswerError where no answer came in time
   */
  async ask<T>(
    connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    question: (broker: ConnectedBroker) => Promise<T>,
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<Told<T>> {
    const toldBy = await this.#address();
    try {
      return { answer: await this.#inTime(toldBy, connections.ask(toldBy, question), timeoutMs), toldBy };
    } catch (error) {
      this.passOn(toldBy);
      if (!isProtocolError(error)) connections.drop(toldBy);
      throw error;
    }
  }

  /** What that broker says is no longer trusted. Does nothing where another one is being asked already. */
  passOn(from: string): void {
    if (this.#brokers[this.#current] === from) this.#current = (this.#current + 1) % this.#brokers.length;
  }

  /** Further brokers of the cluster. Those configured stay: a cluster may come back under their addresses alone. */
  async learn(addresses: Iterable<string>): Promise<void> {
    const current = await this.#address();
    this.#brokers = [...new Set([...(await this.#configured()), ...addresses])];
    this.#current = Math.max(0, this.#brokers.indexOf(current));
  }

  async #address(): Promise<string> {
    if (this.#brokers.length === 0) this.#brokers = await this.#configured();
    const address = this.#brokers[this.#current];
    if (address === undefined) throw new BrokerError('no broker is configured');
    return address;
  }

  async #configured(): Promise<string[]> {
    const { brokers } = this.config;
    return typeof brokers === 'function' ? await brokers() : brokers;
  }

  async #inTime<T>(address: string, answer: Promise<T>, timeoutMs: number): Promise<T> {
    const answered = new AbortController();
    const timeout = this.clock.delay(timeoutMs, answered.signal).then(() => {
      throw new NoAnswerError(`${address} gave no answer within ${timeoutMs} ms`);
    });
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      answered.abort();
    }
  }
}

class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}
