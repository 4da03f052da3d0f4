/** Implements, for a Kafka cluster, the pipeline's port for reading. */
import type { TopicNames } from '../../config.js';
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';
import type { TopicPartition } from '../../lib/record.js';
import { OffsetOutOfRangeError } from '../../pipeline/errors.js';
import type { CommittedOffset, LogBounds, LogIdentity, LogReader, Logs, PendingOffset } from '../../pipeline/ports.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { ClusterView } from '../connection/cluster-view.js';
import { nameOf } from '../connection/leader-directory.js';
import { LogBoundsReader } from './log-bounds.js';
import { LargeBatches } from './large-batches.js';
import { LogFetcher, type LogQuestions, type OnTrouble } from './log-fetcher.js';
import { PartitionReader, type ReaderEvents } from './log-reader.js';
import type { LogKind, ReadingTerms } from './reading-terms.js';
import { maxFetchedBatchBytes } from '../protocol/large-records.js';
import { USUAL_MAX_BATCH_BYTES } from '../protocol/record-batch-decoder.js';
import { RecordMemory } from './record-memory.js';

export interface KafkaLogsOptions {
  readonly config: KafkaConfig;
  /** Shared by the process. If missing, this object makes its own. */
  readonly cluster?: ClusterView;
  /** The group whose offsets are asked for. */
  readonly groupId: string;
  readonly clock: Clock;
  /** Called with each failure that is being retried. */
  readonly onTrouble: OnTrouble;
  /**
   * The names of the compacted topics. Only in these may records be missing: a reader of any other topic waits for the
   * records at its position, and never passes over them.
   */
  readonly topics?: CompactedTopics;
  /** Bytes of one partition in one fetch. A reader holds about 1.5 times as many bytes unread. */
  readonly maxPartitionBytes?: number;
  /**
   * Records are valid only until the next call of `next()`: the reader reuses their memory. Use it to read much without
   * keeping records.
   */
  readonly reuseMemory?: boolean;
  /** MAX_BATCH_BYTES: a batch that decompresses to more bytes cannot be read. */
  readonly maxBatchBytes?: number;
  /** Shared by the process. If missing, this object makes its own. */
  readonly largeBatches?: LargeBatches;
  /** Returns a sentence on what to do about a batch that cannot be read, other than raising MAX_BATCH_BYTES. */
  readonly remedy?: ReadingTerms['remedy'];
}

type CompactedTopics = Partial<Pick<TopicNames, 'companyState' | 'clientSettings'>>;

const DEFAULT_MAX_PARTITION_BYTES = 2 * 1024 * 1024;
/** Memory of fetched records that a busy instance keeps for its next fetches. */
const MAX_FREE_BYTES = 16 * 1024 * 1024;
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
/**
 * How long a fetch at the end of the logs waits; longer while no records come. A reader that has just caught up can
 * join only the next fetch, so its first records may be late by this time. Shorter waits would cost CPU while idle.
 */
const TAIL_WAIT_MS = { shortest: 50, longest: 400 };
/** Brokers answer all read requests within milliseconds. A broker that takes this long is frozen or cut off. */
const REQUEST_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** The log of the topic that has this name now. */
const ANY_LOG: LogIdentity = { topicId: null, leaderEpoch: -1 };

export class KafkaLogs implements Logs {
  readonly #closing = new AbortController();
  readonly #readers = new Set<PartitionReader>();
  /** `close` closes these. */
  readonly #connections: readonly { close(): Promise<void> }[];
  readonly #bounds: LogBoundsReader;
  readonly #fetcher: LogFetcher;
  readonly #clock: Clock;
  readonly #terms: Readonly<Record<LogKind, ReadingTerms>>;
  readonly #compacted: CompactedTopics;

  constructor({ groupId, clock, onTrouble, topics = {}, ...options }: KafkaLogsOptions) {
    const { signal } = this.#closing;
    this.#clock = clock;
    const terms = termsOf(options, clock);
    this.#terms = { uncompacted: { ...terms, kind: 'uncompacted' }, compacted: { ...terms, kind: 'compacted' } };
    this.#compacted = topics;
    const config = { requestTimeout: REQUEST_TIMEOUT_MS, ...options.config };
    const limits = {
      maxPartitionBytes: terms.maxPartitionBytes,
      maxBytes: MAX_RESPONSE_BYTES,
      maxBatchBytes: maxFetchedBatchBytes(terms.maxBatchBytes),
    };
    const tail = { connections: new BrokerConnections(config, clock), limits, waitMs: TAIL_WAIT_MS };
    const catchUp = { connections: new BrokerConnections(config, clock), limits };
    const cluster = options.cluster ?? new ClusterView(config, clock);
    const ownCluster = options.cluster === undefined ? [cluster] : [];
    this.#connections = [tail.connections, catchUp.connections, ...ownCluster];
    // kafkajs uses another connection for Fetch, so these short requests do not wait behind a fetch.
    const { leaders } = cluster;
    this.#bounds = new LogBoundsReader({ groupId, connections: tail.connections, cluster, clock, onTrouble, signal });
    const questions: LogQuestions = {
      judgeRange: (partition, offset) => this.#judgeRange(partition, offset),
      endOfEpoch: (partition, leaderEpoch) => this.endOfEpoch(partition, leaderEpoch),
    };
    this.#fetcher = new LogFetcher({ tail, catchUp }, leaders, clock, onTrouble, questions, signal);
  }

  /** How the logs of a topic are read. */
  kindOf(topic: string): LogKind {
    const { companyState, clientSettings } = this.#compacted;
    return topic === companyState || topic === clientSettings ? 'compacted' : 'uncompacted';
  }

  reader(partition: TopicPartition, from: number, log: LogIdentity = ANY_LOG): LogReader {
    const events: ReaderEvents = {
      drained: () => this.#fetcher.drained(),
      ended: (ended) => {
        this.#readers.delete(ended);
        this.#fetcher.ended(ended);
      },
    };
    const reader = new PartitionReader(partition, from, events, this.#terms[this.kindOf(partition.topic)]);
    if (this.#closing.signal.aborted) reader.close();
    else {
      this.#readers.add(reader);
      this.#fetcher.serve(reader, log);
    }
    return reader;
  }

  pendingOffset(partition: TopicPartition): Promise<PendingOffset> {
    return this.#bounds.pendingOffset(partition);
  }

  bounds(partition: TopicPartition): Promise<LogBounds> {
    return this.#bounds.bounds(partition);
  }

  /**
   * The offset of the first record with a timestamp of `timestampMs` or later; else the log's end.
   *
   * @throws BrokerError
   */
  offsetSince(partition: TopicPartition, timestampMs: number): Promise<number> {
    return this.#bounds.offsetSince(partition, timestampMs);
  }

  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<number | null> {
    return this.#bounds.endOfEpoch(partition, leaderEpoch);
  }

  /** Bytes of the log on its leader's disk; null if the brokers do not report it. @throws BrokerError */
  bytesOf(partition: TopicPartition): Promise<number | null> {
    return this.#bounds.bytesOf(partition);
  }

  committedOffset(partition: TopicPartition): Promise<CommittedOffset | null> {
    return this.#bounds.committedOffset(partition);
  }

  /**
   * Closes all readers and connections. Takes at most 2 s: a connection whose broker does not answer closes later,
   * after its request timeout. Idempotent; never throws.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const reader of [...this.#readers]) reader.close();
    const closed = Promise.all(this.#connections.map((connections) => connections.close()));
    await settlesWithin(closed, this.#clock, CLOSE_TIMEOUT_MS);
  }

  /**
   * Checks an offset that a leader refused. Returns an error if the offset is outside the log, and null if it is in the
   * log after all.
   */
  async #judgeRange(partition: TopicPartition, offset: number): Promise<Error | null> {
    const { start, end } = await this.#bounds.bounds(partition);
    if (offset >= start && offset <= end) return null;
    return new OffsetOutOfRangeError(
      `offset ${offset} of ${nameOf(partition)} is not in the log, which has ${start} to ${end}`,
    );
  }
}

type Terms = Omit<KafkaLogsOptions, 'groupId' | 'clock' | 'onTrouble' | 'topics'>;

function termsOf(
  { maxPartitionBytes = DEFAULT_MAX_PARTITION_BYTES, ...options }: Terms,
  clock: Clock,
): Omit<ReadingTerms, 'kind'> {
  const mostFree = Math.floor(MAX_FREE_BYTES / maxPartitionBytes);
  return {
    maxPartitionBytes,
    maxBatchBytes: options.maxBatchBytes ?? USUAL_MAX_BATCH_BYTES,
    remedy:
      options.remedy ??
      (({ topic, partition }, nextOffset) =>
        `Or delete the records of ${topic}/${partition} below offset ${nextOffset} (kafka-delete-records.sh)`),
    large: options.largeBatches ?? new LargeBatches(clock),
    memory: options.reuseMemory === true ? new RecordMemory(maxPartitionBytes, mostFree) : null,
    clock,
  };
}
