import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { BrokerConnections } from '../connection/broker-connections.js';
import type { Answer, ConnectedBroker } from '../protocol/protocol-call.js';
import type { Throttle } from './throttle.js';

type Connections = Pick<BrokerConnections, 'ask' | 'close' | 'drop' | 'lostOne'>;

/**
 * The longest throttling that an open transaction may wait for. Even a few waits of this length are far below the
 * transaction timeout.
 */
const MAX_OPEN_AND_THROTTLED_MS = 5_000;

/**
 * The connections of one producer session. They end with the session.
 *
 * Once brokers throttle the writes of the transactional id, requests to its transaction coordinator use other
 * connections. Then the end of a transaction does not wait behind its records, and the transaction is open only while
 * they are written. Before that, all requests share one connection to each broker: with hundreds of partitions,
 * connections are costly.
 *
 * The writes of a transaction (records, and the group's offset) always share one connection to each broker. For each of
 * them, the broker asks the coordinator whether the transaction is open. If two writes ask at the same time, the broker
 * refuses the first one with NOT_ENOUGH_REPLICAS or COORDINATOR_NOT_AVAILABLE (KIP-890). On one connection the writes
 * follow each other.
 */
export class SessionConnections {
  constructor(
    /** For the writes of the transaction; until brokers throttle, for all requests. */
    private readonly writing: Connections,
    private readonly asking: Connections,
    private readonly throttle: Throttle,
  ) {}

  /** Asks the transaction coordinator. Otherwise as `BrokerConnections.ask`. */
  async ask<T extends Answer>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#heed(address, this.throttle.isExpected ? this.asking : this.writing, question);
  }

  /** Sends a write of the transaction. Otherwise as `BrokerConnections.ask`. */
  async write<T extends Answer>(address: string, question: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#heed(address, this.writing, question);
  }

  get throttledMs(): number {
    return this.throttle.leftMs;
  }

  /**
   * Call it before an open transaction writes more to this partition.
   * @throws BrokerError if the brokers throttle for so long that the transaction would time out
   */
  mustNotWait({ topic, partition }: TopicPartition): void {
    if (this.throttledMs <= MAX_OPEN_AND_THROTTLED_MS) return;
    throw new BrokerError(
      `the brokers throttle writes to ${topic}-${partition} for ${this.throttledMs} ms, because a quota of ` +
        'the principal or client id of company-sync is exceeded. A transaction must not be open for so long: the next ones will be smaller. ' +
        'To write faster, raise the quota (kafka-configs.sh)',
    );
  }

  lostOne(): boolean {
    const lost = [this.writing.lostOne(), this.asking.lostOne()];
    return lost.includes(true);
  }

  drop(address: string): void {
    this.writing.drop(address);
    this.asking.drop(address);
  }

  async close(): Promise<void> {
    await Promise.all([this.writing.close(), this.asking.close()]);
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
