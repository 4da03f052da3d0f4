import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { BrokerConnections } from '../connection/broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { Throttle } from './throttle.js';
import type { Answer } from '../protocol/transaction-requests.js';

type Connections = Pick<BrokerConnections, 'ask' | 'close' | 'drop' | 'lostOne'>;

/** A few of these are far below the transaction time-out. */
const MAX_OPEN_AND_THROTTLED_MS = 5_000;

/**
 * The connections of one producer session, which end with it.
 *
 * Once brokers throttle what the transactional id writes, what it asks of the transaction coordinator has connections of
 * its own. So the end of a transaction need not wait behind its records, and it is open no longer than it takes to write
 * them. Before that all share one connection to each broker: with hundreds of partitions connections count.
 *
 * What belongs into a transaction (records, and the group's offset) always shares one connection to each broker. Brokers
 * ask the coordinator whether the transaction is open. If two requests ask at the same time, brokers give up the first one
 * (KIP-890): with NOT_ENOUGH_REPLICAS or COORDINATOR_NOT_AVAILABLE. On one connection the requests follow each other.
 */
export class SessionConnections {
  constructor(
    /** For what belongs into the transaction, and for all requests until brokers throttle. */
    private readonly writing: Connections,
    private readonly others: Connections,
    private readonly throttle: Throttle,
  ) {}

  /** Asks the transaction coordinator. As `BrokerConnections.ask`. */
  async ask<T extends Answer>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#heed(address, this.throttle.isExpected ? this.others : this.writing, question);
  }

  /** Sends what belongs into the transaction. As `BrokerConnections.ask`. */
  async write<T extends Answer>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#heed(address, this.writing, question);
  }

  get throttledMs(): number {
    return this.throttle.leftMs;
  }

  /**
   * For a transaction that is open and has more to write to `to`.
   * @throws BrokerError if the brokers throttle it for so long that it would time out
   */
  mustNotWait({ topic, partition }: TopicPartition): void {
    if (this.throttledMs <= MAX_OPEN_AND_THROTTLED_MS) return;
    throw new BrokerError(
      `the brokers throttle what is written to ${topic}-${partition} for ${this.throttledMs} ms, because a quota of our ` +
        'principal or client id is exceeded. A transaction must not be open for so long: it will have fewer records',
    );
  }

  lostOne(): boolean {
    const lost = [this.writing.lostOne(), this.others.lostOne()];
    return lost.includes(true);
  }

  drop(address: string): void {
    this.writing.drop(address);
    this.others.drop(address);
  }

  async close(): Promise<void> {
    await Promise.all([this.writing.close(), this.others.close()]);
  }

  async #heed<T extends Answer>(
    address: string,
    connections: Connections,
    question: (broker: ConnectedBroker) => Promise<T>,
  ): Promise<T> {
    const answer = await connections.ask(address, question);
    this.throttle.note(address, answer.clientSideThrottleTime);
    return answer;
  }
}
