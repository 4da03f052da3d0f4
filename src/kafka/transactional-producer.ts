import type { Clock } from '../lib/clock.js';
import type { RecordToWrite, TopicPartition } from '../lib/record.js';
import { settleAll } from '../lib/settle-all.js';
import { BrokerError, FencedError, RecordTooLargeError } from '../pipeline/errors.js';
import type { TransactionalProducer } from '../pipeline/ports.js';
import type { BatchSizeLimits } from './batch-size-limits.js';
import type { Broker, Cluster, ProtocolCall } from './cluster.js';
import { produce } from './produce-request.js';
import { ERROR_CODES, isTooLarge, NO_ERROR, noAnswer, refusal } from './protocol-errors.js';
import { cutBatch, nextSequence, type BatchCut } from './record-batch-encoder.js';
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  txnOffsetCommit,
  type Answer,
  type PartitionsAnswer,
  type ProducerSession,
} from './transaction-requests.js';

/** What a fenced session consists of. The cluster's connections belong to it alone, and end with it. */
export interface SessionParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly session: ProducerSession;
  /** Of the transactional id. */
  readonly coordinator: Broker;
  readonly groupId: string;
  readonly groupCoordinator: Broker;
  readonly batchSizeLimits: BatchSizeLimits;
  /** How long a leader may wait for the in-sync replicas. */
  readonly produceTimeoutMs: number;
}

type State = 'idle' | 'beginning' | 'open' | 'committing';

const MAX_RECORDS_PER_BATCH = 10_000;
/** EndTxn answers before the markers are written, which takes 1 to 3 ms; until then nothing new can begin. */
const MARKERS_RETRY_MS = 1;
/** Markers this late mean that a leader is gone. */
const MARKERS_TIMEOUT_MS = 10_000;

/**
 * One producer session of a transactional id, from fencing to its first error.
 *
 * ```
 *            begin              commit
 *   idle ─────────────▶ open ─────────────▶ idle ─ ...
 *        (beginning)     │     (committing)
 *                        │ produce, sendOffset
 *                        ▼
 *                any error, any unknown outcome, discard: over
 * ```
 *
 * It tries nothing again but what CONCURRENT_TRANSACTIONS says was not carried out. Whatever else fails leaves open
 * what the broker did. So the session is over then, and the next owner of the id fences and reads in the log what
 * became of the transaction.
 */
export class FencedProducer implements TransactionalProducer {
  readonly #parts: SessionParts;
  #state: State = 'idle';
  /** Why it is over: what every later call rejects with. */
  #over: Error | null = null;
  /** The calls of this object that have not settled; each settles only when all of its requests have. */
  readonly #inFlight = new Set<Promise<unknown>>();
  /** By partition, the sequence number of the next record. They go on over transactions. */
  readonly #sequences = new Map<string, number>();
  #discarded: Promise<void> | null = null;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  begin(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#call('idle', async () => {
      this.#state = 'beginning';
      const { coordinator, session, groupId } = this.#parts;
      await settleAll<unknown>([
        this.#untilMarkersAreWritten(coordinator, () => addPartitionsToTxn(session, partitions)),
        this.#untilMarkersAreWritten(coordinator, () => addOffsetsToTxn(session, groupId)),
        this.#learnLeaders(partitions),
      ]);
      this.#state = 'open';
    });
  }

  produce(to: TopicPartition, records: readonly RecordToWrite[]): Promise<number> {
    return this.#call('open', async () => {
      if (records.length === 0) throw new RangeError(`nothing to write to ${to.topic}-${to.partition}`);
      let end = -1;
      for (let start = 0; start < records.length;) {
        const maxBytes = this.#parts.batchSizeLimits.of(to.topic);
        const cut = cutBatch(records, start, maxBytes, MAX_RECORDS_PER_BATCH);
        end = await this.#produceBatch(to, records, start, cut);
        start = cut.end;
      }
      return end;
    });
  }

  sendOffset(input: TopicPartition, offset: number): Promise<void> {
    return this.#call('open', async () => {
      const { groupCoordinator, session, groupId } = this.#parts;
      await this.#mustSucceed(groupCoordinator.nodeId, txnOffsetCommit(session, groupId, input, offset));
    });
  }

  commit(): Promise<void> {
    return this.#call('open', async () => {
      this.#state = 'committing';
      const { coordinator, session } = this.#parts;
      await this.#mustSucceed(coordinator.nodeId, endTxn(session, 'commit'));
      this.#state = 'idle';
    });
  }

  discard(): Promise<void> {
    this.#over ??= new BrokerError(`the producer of ${this.#parts.session.transactionalId} was discarded`);
    this.#discarded ??= this.#close();
    return this.#discarded;
  }

  async #call<T>(needed: State, work: () => Promise<T>): Promise<T> {
    if (this.#over !== null) throw this.#over;
    if (this.#state !== needed) throw new Error(`a transaction must be ${needed} for this, it is ${this.#state}`);
    const pending = work();
    this.#inFlight.add(pending);
    try {
      return await pending;
    } catch (error) {
      this.#over ??= error as Error;
      throw error;
    } finally {
      this.#inFlight.delete(pending);
    }
  }

  async #produceBatch(
    to: TopicPartition,
    records: readonly RecordToWrite[],
    start: number,
    cut: BatchCut,
  ): Promise<number> {
    const { session, clock, batchSizeLimits, produceTimeoutMs } = this.#parts;
    const count = cut.end - start;
    const partition = `${to.topic}-${to.partition}`;
    const firstSequence = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, nextSequence(firstSequence, count));

    const { transactionalId, producerId, producerEpoch } = session;
    const origin = { producerId, producerEpoch, firstSequence, timestamp: clock.now() };
    const call = produce({ transactionalId, to, records, start, cut, origin, timeoutMs: produceTimeoutMs });
    const answer = await this.#send(this.#leaderOf(to), call, to);
    if (answer.errorCode === NO_ERROR) return answer.baseOffset + count;

    const refused = refusal(answer.errorCode, call.request.apiName, to);
    if (!isTooLarge(answer.errorCode)) throw refused;
    if (count === 1) throw new RecordTooLargeError(to.topic, cut.bytes, { cause: refused });
    batchSizeLimits.lower(to.topic, cut.bytes);
    throw new BrokerError(
      `a batch of ${count} records and ${cut.bytes} bytes does not fit ${partition}: it will be cut smaller`,
      { cause: refused },
    );
  }

  async #untilMarkersAreWritten(broker: Broker, makeCall: () => ProtocolCall<Answer>): Promise<void> {
    const { clock } = this.#parts;
    const deadline = clock.now() + MARKERS_TIMEOUT_MS;
    for (;;) {
      const call = makeCall();
      const answer = await this.#send(broker.nodeId, call);
      if (answer.errorCode !== ERROR_CODES.CONCURRENT_TRANSACTIONS || clock.now() >= deadline) {
        throwRefused(answer, call.request.apiName);
        return;
      }
      await clock.delay(MARKERS_RETRY_MS);
    }
  }

  async #mustSucceed(nodeId: Broker['nodeId'], call: ProtocolCall<Answer>): Promise<void> {
    throwRefused(await this.#send(nodeId, call), call.request.apiName);
  }

  /** Sends nothing once the session is over: what follows a failure must not reach the log. */
  async #send<T extends Answer>(nodeId: Broker['nodeId'], call: ProtocolCall<T>, at?: TopicPartition): Promise<T> {
    try {
      // Connects first where the connection was lost: kafkajs would open one for each of two concurrent requests.
      const broker = await this.#parts.cluster.findBroker({ nodeId });
      if (this.#over !== null) throw this.#over;
      return await broker.connectionPool.send(call);
    } catch (error) {
      throw error === this.#over ? error : noAnswer(error, call.request.apiName, at);
    }
  }

  async #learnLeaders(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      await this.#parts.cluster.addMultipleTargetTopics([...new Set(partitions.map((at) => at.topic))]);
    } catch (error) {
      throw noAnswer(error, 'Metadata');
    }
  }

  #leaderOf(at: TopicPartition): number {
    const partitions = this.#parts.cluster.findTopicPartitionMetadata(at.topic);
    const leader = partitions.find(({ partitionId }) => partitionId === at.partition)?.leader ?? -1;
    if (leader < 0) throw new BrokerError(`partition ${at.topic}-${at.partition} has no leader, or does not exist`);
    return leader;
  }

  async #close(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    await this.#tryToAbort();
    // A socket that cannot be closed in an orderly way is closed all the same: nothing is left to do about it.
    await Promise.allSettled([this.#parts.cluster.disconnect()]);
  }

  /**
   * So that readers of the written topics need not wait for the next owner, or for the transaction to time out. It is
   * a courtesy: whether it works or not, the next owner's fencing ends the transaction. Not after a commit was sent:
   * that one's outcome belongs to the broker.
   */
  async #tryToAbort(): Promise<void> {
    const { coordinator, session } = this.#parts;
    const mayBeOpen = this.#state === 'beginning' || this.#state === 'open';
    if (!mayBeOpen || this.#over instanceof FencedError || !coordinator.isConnected()) return;
    await Promise.allSettled([coordinator.connectionPool.send(endTxn(session, 'abort'))]);
  }
}

function throwRefused(answer: Answer | PartitionsAnswer, request: string): void {
  if (answer.errorCode !== NO_ERROR) throw refusal(answer.errorCode, request, 'at' in answer ? answer.at : undefined);
}
