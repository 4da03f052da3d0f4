/** Sends requests that every broker can answer: to one broker at a time, or to several at once. */
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { BrokerConnections } from './broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { KafkaConfig } from './cluster.js';
import { isProtocolError } from '../protocol/protocol-errors.js';
import { survey, type Surveyed, type SurveyOptions, type Answered } from './broker-survey.js';

/**
 * The limit for connecting and the answer together. Callers wait much longer, so they can try another broker after a
 * frozen one.
 */
const ANSWER_TIMEOUT_MS = 4_000;

/**
 * Asks one broker until that broker fails or gives a wrong answer, and then the next one. Callers share this object,
 * and it outlives them. So a caller that starts again after a failure does not begin with the broker that failed.
 */
export class AnyBroker {
  #brokers: readonly string[] = [];
  /** The addresses by which the cluster knows its brokers. Empty until a broker has named them. */
  #learnt: readonly string[] = [];
  #current = 0;
  /** How many surveys of several brokers were made. Each survey begins with the next broker. */
  #surveys = 0;

  constructor(
    private readonly config: Pick<KafkaConfig, 'brokers'>,
    private readonly clock: Clock,
  ) {}

  /** The brokers that are asked: one attempt for each is needed to ask all of them. */
  async addresses(): Promise<readonly string[]> {
    await this.#address();
    return this.#brokers;
  }

  /**
   * Makes one attempt. If it fails, the next attempt goes to another broker.
   * @throws what `question` throws; NoAnswerError if the answer takes longer than `timeoutMs`
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
   * Asks several brokers at once, up to MAX_ASKED, and different brokers each time. It asks the brokers that the
   * cluster has named. If none of them answers, it asks the configured brokers.
   *
   * @param brokersIn returns the addresses of the cluster's brokers that an answer contains
   * @param enough whether these answers are enough, given how many brokers are known
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

  /**
   * Switches to the next broker, because the answers of `from` are no longer trusted. No effect if `from` is not in
   * use.
   */
  passOn(from: string): void {
    if (this.#brokers[this.#current] === from) this.#current = (this.#current + 1) % this.#brokers.length;
  }

  /**
   * Notes the brokers of the cluster. The configured addresses stay: after an outage, only these addresses may still be
   * valid.
   */
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

  /** Drops the connection if the broker does not answer. */
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
    if (await settlesWithin(answer, this.clock, timeoutMs)) return answer;
    throw new NoAnswerError(`${address} gave no answer within ${timeoutMs} ms`);
  }
}

/** The same list, rotated by one more address at each call. */
function rotated(addresses: readonly string[], turn: number): string[] {
  const first = addresses.length === 0 ? 0 : turn % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}
