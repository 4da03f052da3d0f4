/**
 * Knows leaders and coordinators, as the brokers report them. Each process has one view, which all its readers and
 * writers share. The highest leader epoch that any of them has seen applies to all of them.
 */
import type { Clock } from '../../lib/clock.js';
import { BrokerError } from '../../pipeline/errors.js';
import { AnyBroker } from './any-broker.js';
import { BrokerConnections } from './broker-connections.js';
import { isMost } from './broker-survey.js';
import type { COORDINATOR_OF_GROUP, COORDINATOR_OF_TRANSACTION, KafkaConfig } from './cluster.js';
import { LeaderDirectory, mostFrequent } from './leader-directory.js';
import { brokersKnownTo } from '../protocol/metadata-protocol.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';
import { findCoordinator, type CoordinatorAnswer } from '../protocol/transaction-requests.js';

/** Brokers answer all these questions within milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;

/** For callers that send only a few requests: how to connect to a cluster, and how to find its coordinators. */
export interface AskedCluster {
  readonly kafka: KafkaConfig;
  readonly view: Pick<ClusterView, 'coordinatorOf'>;
  readonly clock: Clock;
}

export interface NamedCoordinator extends CoordinatorAnswer {
  /** More than half of the known brokers (MAX_ASKED at most) name this coordinator. Otherwise it may be cut off. */
  readonly byMost: boolean;
}

export class ClusterView {
  readonly #anyBroker: AnyBroker;
  readonly leaders: LeaderDirectory;

  /** @param connections closed by `close` of this object */
  constructor(
    config: KafkaConfig,
    clock: Clock,
    private readonly connections: Pick<BrokerConnections, 'ask' | 'drop' | 'close'> = new BrokerConnections(
      { requestTimeout: REQUEST_TIMEOUT_MS, ...config },
      clock,
    ),
  ) {
    this.#anyBroker = new AnyBroker(config, clock);
    this.leaders = new LeaderDirectory(this.#anyBroker, connections);
  }

  /**
   * Finds the coordinator of a group or a transactional id that most brokers name. One attempt; the caller retries.
   *
   * @returns a refusal, as an error code, only if no broker names one
   * @throws the first failure if no broker answers
   */
  async coordinatorOf(
    kind: typeof COORDINATOR_OF_GROUP | typeof COORDINATOR_OF_TRANSACTION,
    key: string,
  ): Promise<NamedCoordinator> {
    const { answers, known, byMost } = await this.#anyBroker.askSeveral(
      this.connections,
      async (broker) => {
        const [brokers, named] = await Promise.all([
          brokersKnownTo(broker),
          broker.connectionPool.send(findCoordinator(kind, key)),
        ]);
        return { brokers, ...named };
      },
      ({ brokers }) => brokers.values(),
      (sofar, known) => votesFor(sofar.map(({ answer }) => answer)).some((votes) => isMost(votes, known)),
    );
    const named = answers.map(({ answer }) => answer).filter(({ errorCode }) => errorCode === NO_ERROR);
    const address = mostFrequent(named.map((answer) => answer.address));
    const chosen = named.find((answer) => answer.address === address) ?? answers[0]?.answer;
    if (chosen === undefined) throw new Error('a survey ended without an answer');
    const votes = named.filter((answer) => answer.address === address).length;
    // `byMost` of the survey: otherwise one broker may have answered under two addresses, and have two votes.
    return { ...chosen, byMost: byMost && isMost(votes, known) };
  }

  /**
   * Resolves if more than half of the brokers answer. Fewer brokers can neither accept a write nor choose a leader.
   * @throws BrokerError, or the first failure if no broker answers
   */
  async mustAnswer(): Promise<void> {
    const { answers, known, byMost } = await this.#anyBroker.askSeveral(
      this.connections,
      brokersKnownTo,
      (brokers) => brokers.values(),
      (sofar, known) => isMost(sofar.length, known),
    );
    if (!byMost) throw new BrokerError(`only ${answers.length} of ${known} brokers answer`);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.connections.close();
  }
}

function votesFor(answers: readonly CoordinatorAnswer[]): number[] {
  const votes = new Map<string, number>();
  for (const { errorCode, address } of answers)
    if (errorCode === NO_ERROR) votes.set(address, (votes.get(address) ?? 0) + 1);
  return [...votes.values()];
}
