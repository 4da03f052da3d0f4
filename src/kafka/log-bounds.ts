/** Where a partition's log begins and ends, and where the group stands in it. */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import type { TopicPartition } from '../lib/record.js';
import { BrokerError } from '../pipeline/errors.js';
import type { LogBounds } from '../pipeline/ports.js';
import type { AnyBroker } from './any-broker.js';
import type { BrokerConnections, ConnectedBroker } from './broker-connections.js';
import { GroupCoordinator } from './group-coordinator.js';
import { nameOf, type LeaderDirectory } from './leader-directory.js';
import type { OnTrouble } from './log-fetcher.js';
import { fetchStableOffset } from './pending-offset.js';
import { ERROR_CODES, isProtocolError, NO_ERROR } from './protocol-errors.js';

const EARLIEST = -2;
/** With read_committed: the last stable offset; with read_uncommitted: the high watermark. */
const LATEST = -1;
const NO_REPLICA = -1;
const NO_SUCH_RECORD = -1;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const NOTHING_COMMITTED = -1;

const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 500;
/** A moving leader or coordinator settles within seconds; after that the caller should know. */
const PATIENCE_MS = 30_000;

export class LogBoundsReader {
  readonly #coordinator: GroupCoordinator;

  constructor(
    private readonly groupId: string,
    private readonly connections: BrokerConnections,
    private readonly leaders: LeaderDirectory,
    anyBroker: AnyBroker,
    private readonly clock: Clock,
    private readonly onTrouble: OnTrouble,
    private readonly signal: AbortSignal,
  ) {
    this.#coordinator = new GroupCoordinator(groupId, connections, anyBroker);
  }

  /** @throws BrokerError where the cluster gave no answer for long, or refuses */
  bounds(at: TopicPartition): Promise<LogBounds> {
    return this.#askLeader(at, async (broker) => {
      // In this order the end is never below the start, and below the high watermark only while a transaction is open.
      // In turn: two first requests at once would make kafkajs connect twice.
      const start = await offsetAt(broker, at, EARLIEST, READ_COMMITTED);
      const highWatermark = await offsetAt(broker, at, LATEST, READ_UNCOMMITTED);
      return { start, highWatermark, end: await offsetAt(broker, at, LATEST, READ_COMMITTED) };
    });
  }

  /**
   * The first offset whose record is stamped at `timestampMs` or after; the last stable offset where none is.
   * @throws BrokerError as `bounds`
   */
  offsetSince(at: TopicPartition, timestampMs: number): Promise<number> {
    return this.#askLeader(at, async (broker) => {
      const offset = await offsetAt(broker, at, timestampMs, READ_COMMITTED);
      return offset === NO_SUCH_RECORD ? offsetAt(broker, at, LATEST, READ_COMMITTED) : offset;
    });
  }

  /**
   * The group's committed offset; null where there is none. While a transaction that holds a later one is open it
   * silently is the one before: fence first.
   * @throws BrokerError as `bounds`
   */
  committedOffset(at: TopicPartition): Promise<number | null> {
    return this.#retry(at, async () => {
      const { topic, partition } = at;
      const request = { groupId: this.groupId, topics: [{ topic, partitions: [{ partition }] }] };
      const answer = await this.#coordinator.ask((broker) => broker.offsetFetch(request));
      const offset = safeOffset(answer.responses[0]?.partitions[0]?.offset);
      return offset === NOTHING_COMMITTED ? null : offset;
    });
  }

  /**
   * Whether a transaction holds an offset of the group that comes to count, or not, with its end.
   * @throws BrokerError as `bounds`
   */
  offsetIsPending(at: TopicPartition): Promise<boolean> {
    return this.#retry(at, async () => {
      const call = fetchStableOffset(this.groupId, at);
      return this.#coordinator.ask(async ({ connectionPool }) => {
        const { errorCode } = await connectionPool.send(call);
        if (errorCode === ERROR_CODES.UNSTABLE_OFFSET_COMMIT) return true;
        if (errorCode !== NO_ERROR) throw createErrorFromCode(errorCode);
        return false;
      });
    });
  }

  #askLeader<T>(at: TopicPartition, ask: (broker: ConnectedBroker) => Promise<T>): Promise<T> {
    return this.#retry(at, async () => {
      const leader = await this.leaders.find(at);
      try {
        return await this.connections.ask(leader, ask);
      } catch (error) {
        this.leaders.forget(at);
        if (!isProtocolError(error)) this.connections.drop(leader);
        throw error;
      }
    });
  }

  async #retry<T>(at: TopicPartition, ask: () => Promise<T>): Promise<T> {
    const deadline = this.clock.now() + PATIENCE_MS;
    const backoff = new Backoff(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const permanent = isProtocolError(error) && !error.retriable;
        if (permanent || this.signal.aborted || this.clock.now() > deadline)
          throw new BrokerError(`the offsets of ${nameOf(at)} cannot be had: ${String(error)}`, { cause: error });
        this.onTrouble(at, error as Error);
      }
      await this.clock.delay(backoff.next(), this.signal);
    }
  }
}

async function offsetAt(
  broker: ConnectedBroker,
  at: TopicPartition,
  timestamp: number,
  isolationLevel: number,
): Promise<number> {
  const { topic, partition } = at;
  const answer = await broker.listOffsets({
    replicaId: NO_REPLICA,
    isolationLevel,
    topics: [{ topic, partitions: [{ partition, timestamp }] }],
  });
  return safeOffset(answer.responses[0]?.partitions[0]?.offset);
}

function safeOffset(text: string | undefined): number {
  const offset = Number(text);
  if (!Number.isSafeInteger(offset)) throw new BrokerError(`the broker gave ${text ?? 'nothing'} as an offset`);
  return offset;
}
