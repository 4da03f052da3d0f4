/** Looks up where a partition's log begins and ends, and the group's offset in it. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { mustBeOutage } from '../../lib/own-fault.js';
import { retryUntil } from '../../lib/retry-until.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { CommittedOffset, LogBounds, PendingOffset } from '../../pipeline/ports.js';
import type { BrokerConnections } from '../connection/broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { ClusterView } from '../connection/cluster-view.js';
import { fetchCommittedOffset } from '../protocol/committed-offset.js';
import { describeLogDirs } from '../protocol/describe-log-dirs.js';
import { Coordinator } from '../connection/coordinator.js';
import { leaderIn, nameOf, type TopicView } from '../connection/leader-directory.js';
import {
  EARLIEST,
  LATEST,
  listOffset,
  NO_SUCH_RECORD,
  READ_COMMITTED,
  READ_UNCOMMITTED,
} from '../protocol/list-offsets.js';
import type { OnTrouble } from './log-fetcher.js';
import { knowsEpochEnds, offsetForLeaderEpoch } from '../protocol/offset-for-leader-epoch.js';
import { fetchStableOffset } from '../protocol/pending-offset.js';
import { ERROR_CODES, isProtocolError, isWorthRetrying, NO_ERROR, whyFailed } from '../protocol/protocol-errors.js';

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 500;
/** If a leader or coordinator moves, the new one is ready within seconds. After this time, the caller gets an error. */
const BOUNDS_TIMEOUT_MS = 30_000;

export interface LogBoundsOptions {
  readonly groupId: string;
  readonly connections: Pick<BrokerConnections, 'ask' | 'drop'>;
  readonly cluster: Pick<ClusterView, 'coordinatorOf' | 'leaders'>;
  readonly clock: Clock;
  readonly onTrouble: OnTrouble;
  /** Aborts when no caller waits for answers any more. */
  readonly signal: AbortSignal;
}

/** The leader of one partition, in the epoch that several brokers report. */
interface AskedLeader {
  readonly view: TopicView;
  readonly epoch: number;
  ask<T>(question: (broker: ConnectedBroker) => Promise<T>): Promise<T>;
  offsetAt(timestamp: number, isolationLevel: typeof READ_UNCOMMITTED | typeof READ_COMMITTED): Promise<number>;
}

/** Looks up leader and coordinator for each request, because the broker that was known before may be cut off. */
export class LogBoundsReader {
  readonly #options: LogBoundsOptions;
  readonly #coordinator: Coordinator;

  constructor(options: LogBoundsOptions) {
    this.#options = options;
    this.#coordinator = Coordinator.ofGroup(options.groupId, options.connections, options.cluster);
  }

  /** @throws BrokerError if the cluster refuses, or gives no answer for 30 s */
  bounds(partition: TopicPartition): Promise<LogBounds> {
    return this.#askLeader(partition, async ({ view: { topicId, byMost }, epoch: leaderEpoch, ...leader }) => {
      // Asked in this order, the end is never below the start. It is below the high watermark only while a transaction
      // is open. The requests go one after the other, because kafkajs would connect twice for two first requests at the
      // same time.
      const start = await leader.offsetAt(EARLIEST, READ_COMMITTED);
      const highWatermark = await leader.offsetAt(LATEST, READ_UNCOMMITTED);
      const end = await leader.offsetAt(LATEST, READ_COMMITTED);
      return { start, highWatermark, end, topicId, leaderEpoch, byMost };
    });
  }

  /**
   * The offset of the first record with a timestamp of `timestampMs` or later; else the last stable offset.
   * @throws BrokerError as `bounds`
   */
  offsetSince(partition: TopicPartition, timestampMs: number): Promise<number> {
    return this.#askLeader(partition, async (leader) => {
      const offset = await leader.offsetAt(timestampMs, READ_COMMITTED);
      return offset === NO_SUCH_RECORD ? leader.offsetAt(LATEST, READ_COMMITTED) : offset;
    });
  }

  /** As `Logs.endOfEpoch`. @throws BrokerError as `bounds` */
  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<number | null> {
    return this.#askLeader(partition, async (leader) => {
      const answer = await leader.ask(async (broker) =>
        knowsEpochEnds(broker)
          ? broker.connectionPool.send(offsetForLeaderEpoch(partition, leader.epoch, leaderEpoch))
          : null,
      );
      if (answer === null) return null;
      if (answer.errorCode !== NO_ERROR) throw createErrorFromCode(answer.errorCode);
      return answer.endOffset;
    });
  }

  /** Bytes of the log on its leader's disk; null if the brokers do not report it. @throws BrokerError as `bounds` */
  bytesOf(partition: TopicPartition): Promise<number | null> {
    return this.#askLeader(partition, async (leader) => {
      const { errorCode, bytes } = await leader.ask((broker) => describeLogDirs(broker, partition));
      if (errorCode !== NO_ERROR) throw createErrorFromCode(errorCode);
      return bytes;
    });
  }

  /**
   * The group's offset; null if the group has committed none. While a transaction with a later offset is
   * open, this returns the former offset without an error. So fence first.
   * @throws BrokerError as `bounds`
   */
  committedOffset(partition: TopicPartition): Promise<CommittedOffset | null> {
    return this.#retry(partition, () =>
      this.#coordinator.ask((broker) => fetchCommittedOffset(broker, this.#options.groupId, partition)),
    );
  }

  /**
   * Whether an open transaction has an offset of the group. If so, the end of the transaction decides whether that
   * offset counts.
   * @throws BrokerError as `bounds`
   */
  pendingOffset(partition: TopicPartition): Promise<PendingOffset> {
    return this.#retry(partition, async () => {
      const call = fetchStableOffset(this.#options.groupId, partition);
      return this.#coordinator.ask(async ({ connectionPool }, byMost) => {
        const { errorCode } = await connectionPool.send(call);
        const isPending = errorCode === ERROR_CODES.UNSTABLE_OFFSET_COMMIT;
        if (!isPending && errorCode !== NO_ERROR) throw createErrorFromCode(errorCode);
        return { isPending, byMost };
      });
    });
  }

  #askLeader<T>(partition: TopicPartition, question: (leader: AskedLeader) => Promise<T>): Promise<T> {
    const { cluster, connections } = this.#options;
    return this.#retry(partition, async () => {
      const view = await cluster.leaders.lookUp(partition.topic);
      const { address, epoch } = leaderIn(view, partition);
      const ask: AskedLeader['ask'] = (ofBroker) => connections.ask(address, ofBroker);
      const offsetAt: AskedLeader['offsetAt'] = async (timestamp, isolationLevel) => {
        const call = listOffset(partition, epoch, timestamp, isolationLevel);
        const answer = await ask(({ connectionPool }) => connectionPool.send(call));
        if (answer.errorCode !== NO_ERROR) throw createErrorFromCode(answer.errorCode);
        return answer.offset;
      };
      try {
        return await question({ view, epoch, ask, offsetAt });
      } catch (error) {
        cluster.leaders.forget(partition);
        if (!isProtocolError(error)) connections.drop(address);
        throw error;
      }
    });
  }

  async #retry<T>(partition: TopicPartition, ask: () => Promise<T>): Promise<T> {
    const { clock, onTrouble, signal } = this.#options;
    const pause = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    const onRetry = (error: unknown): void => onTrouble(partition, error as Error);
    const terms = { clock, patienceMs: BOUNDS_TIMEOUT_MS, pause, mayHelp: isWorthRetrying, onRetry, signal };
    try {
      return await retryUntil(terms, ask);
    } catch (error) {
      mustBeOutage(error);
      throw new BrokerError(`cannot look up the offsets of ${nameOf(partition)}: ${whyFailed(error)}`, {
        cause: error,
      });
    }
  }
}
