/** For questions that every broker can answer: asked of one at a time, or of several at once. */
import type { Clock } from '../../lib/clock.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { BrokerConnections } from './broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { KafkaConfig } from './cluster.js';
import { isProtocolError } from '../protocol/protocol-errors.js';
import { survey, type Surveyed, type SurveyOptions, type Answered } from './broker-survey.js';

/** Connecting included. Well below the patience of those who ask, so that a frozen broker leaves time for another. */
const ANSWER_TIMEOUT_MS = 4_000;

/**
 * Stays with one broker until that fails or is found to be wrong, then goes on to the next. It is shared by its
 * callers and outlives them: a caller that starts again after a failure must not begin with the same broker.
 */
export class AnyBroker {
  #brokers: readonly string[] = [];
  /** As the brokers themselves are known to the cluster, once one of them has said so. */
  #learnt: readonly string[] = [];
  #current = 0;
  /** How many questions went to several brokers: each begins with the next broker. */
  #surveys = 0;

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
  ): Promise<Answered<T>> {
    const answeredBy = await this.#address();
    try {
      return { answer: await this.#askOne(connections, answeredBy, question, timeoutMs), answeredBy };
    } catch (error) {
      this.passOn(answeredBy);
      throw error;
    }
  }

  /**
   * Asks several brokers at once, up to MOST_ASKED of them and others each time. It asks the brokers that the cluster has named. If none of them answers, it asks
   * those configured.
   *
   * @param brokersIn the addresses of the cluster's brokers, as far as an answer has them
   * @param enough whether these answers are enough, if so many brokers are known
   * @throws the first failure if no broker answers
   */
  async askSeveral<T>(
    connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    question: (broker: ConnectedBroker) => Promise<T>,
    brokersIn: (answer: T) => Iterable<string>,
    enough: SurveyOptions<T>['enough'],
  ): Promise<Surveyed<T>> {
    const configured = await this.#configured();
    const turn = this.#surveys++;
    const ask = (addresses: () => readonly string[]): Promise<Surveyed<T>> => {
      const named = new Set<string>();
      return survey({
        addresses: () => rotated(named.size > 0 ? [...named] : addresses(), turn),
        ask: (address) => this.#askOne(connections, address, question, ANSWER_TIMEOUT_MS),
        onAnswer: (answer) => {
          for (const address of brokersIn(answer)) named.add(address);
          if (named.size > 0) this.#learn(configured, [...named]);
        },
        enough,
        clock: this.clock,
      });
    };
    const learnt = this.#learnt;
    if (learnt.length === 0) return ask(() => configured);
    return ask(() => learnt).catch(() => ask(() => configured));
  }

  /** What that broker says is no longer trusted. Does nothing where another one is being asked already. */
  passOn(from: string): void {
    if (this.#brokers[this.#current] === from) this.#current = (this.#current + 1) % this.#brokers.length;
  }

  /** Brokers of the cluster. Those configured stay: a cluster may come back under their addresses alone. */
  #learn(configured: readonly string[], addresses: readonly string[]): void {
    const current = this.#brokers[this.#current] ?? configured[0];
    this.#learnt = addresses;
    this.#brokers = [...new Set([...configured, ...addresses])];
    this.#current = Math.max(0, this.#brokers.indexOf(current ?? ''));
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

  /** Gives up the connection if the broker does not answer. */
  async #askOne<T>(
    connections: Pick<BrokerConnections, 'ask' | 'drop'>,
    address: string,
    question: (broker: ConnectedBroker) => Promise<T>,
    timeoutMs: number,
  ): Promise<T> {
    try {
      return await this.#inTime(address, connections.ask(address, question), timeoutMs);
    } catch (error) {
      if (!isProtocolError(error)) connections.drop(address);
      throw error;
    }
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

/** The same list, beginning with another one in each turn. */
function rotated(addresses: readonly string[], turn: number): string[] {
  const first = addresses.length === 0 ? 0 : turn % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}
