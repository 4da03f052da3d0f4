/**
 * The ports: what the pipeline needs from the outside. `kafka/` implements them with kafkajs; a simulation can
 * implement them from one seed. Anything may happen while a promise is pending.
 */
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';

/**
 * The result of one read. `records` may be empty while `nextOffset` moves past markers, aborted or compacted records.
 */
export interface LogBatch {
  /** The receiver may empty it. */
  readonly records: LogRecord[];
  /** Where the next read starts. */
  readonly nextOffset: number;
  /** The last stable offset when this was read: `endOffset - nextOffset` is the lag. */
  readonly endOffset: number;
  /**
   * The epoch of a leader whose log contains everything read below `nextOffset`. -1 if the brokers have no epochs. See
   * `LogIdentity`.
   */
  readonly leaderEpoch: number;
}

/**
 * Identifies the log that an offset belongs to. The leader of that epoch had the records below the offset. A later
 * leader may lack some of them (unclean election). In that case `endOfEpoch` is below the offset.
 */
export interface LogIdentity {
  /** Null if the brokers have no topic ids. */
  readonly topicId: string | null;
  /** -1 if unknown. */
  readonly leaderEpoch: number;
}

/**
 * Reads one partition forward, read_committed. Keeps a limited number of bytes in memory.
 *
 * Records are valid only until the next call of `next`, unless the implementation promises more: the reader may reuse
 * their memory.
 */
export interface LogReader {
  /**
   * The next records, at most `maxRecords`. Waits until there are new records, or `nextOffset` has moved. Only one call
   * at a time.
   *
   * @param gatherMs waits for so long even if there are new records, so that more can come; 0 by default. Ends this
   *   wait at once if `maxRecords` are there, or if the reader is behind the end of the log
   * @throws OffsetOutOfRangeError if the position is not in the log
   * @throws ReaderClosedError after `close`
   * @throws BrokerError if the topic does not exist, is another one, has lost records that were read, or contains
   *   something that cannot be read. Other broker errors are retried inside.
   */
  next(maxRecords: number, gatherMs?: number): Promise<LogBatch>;
  /** Pending and later calls of `next` end with ReaderClosedError. Idempotent. */
  close(): void;
}

export interface LogBounds extends LogIdentity {
  /** First offset still in the log. */
  readonly start: number;
  /** Last stable offset: every transaction below it has ended. */
  readonly end: number;
  /**
   * High watermark: the offset after the last record that a read_uncommitted reader sees. Above `end` while a
   * transaction is open. Read before `end`, so that a transaction which ends in between does not count as open.
   */
  readonly highWatermark: number;
  /** The topic's id. A topic that is deleted and created again gets another id. Null if the brokers have no ids. */
  readonly topicId: string | null;
  /** The epoch of the leader that answered; it grows with each change of leader. -1 if the brokers have no epochs. */
  readonly leaderEpoch: number;
  /**
   * More than half of the known brokers (five at most) have answered who leads the log. Otherwise the answer may come
   * from a broker that is cut off.
   */
  readonly byMost: boolean;
}

export interface CommittedOffset {
  readonly offset: number;
  /**
   * The epoch of a leader whose log had all records below `offset` when they were read. -1 if the offset was committed
   * without an epoch: by an earlier release or an operator.
   */
  readonly leaderEpoch: number;
  /** The text that is stored with the offset. Absent if no text is stored. */
  readonly metadata?: string;
}

export interface Logs {
  /**
   * @param log the log that `from` is an offset of. If the topic was created again since, or has lost records below the
   *   position, `next` throws a BrokerError. Omit it for the present log.
   */
  reader(partition: TopicPartition, from: number, log?: LogIdentity): LogReader;
  bounds(partition: TopicPartition): Promise<LogBounds>;
  /**
   * Where a leader epoch ended in the present log: everything that its leader had below that offset still exists. -1 if
   * the leader does not know the epoch; null if the brokers do not know the request (before Kafka 2.1).
   *
   * @throws BrokerError
   */
  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<number | null>;
  /** The group's offset of an input partition; null if no offset is committed. Final only after fencing. */
  committedOffset(partition: TopicPartition): Promise<CommittedOffset | null>;
  /** Whether an open transaction has an offset of the group for an input partition. */
  pendingOffset(partition: TopicPartition): Promise<PendingOffset>;
}

export interface PendingOffset {
  readonly isPending: boolean;
  /**
   * More than half of the known brokers (five at most) name the coordinator that answered. Otherwise it may be cut off.
   */
  readonly byMost: boolean;
}

export type TransactionOutcome = 'commit' | 'abort';

/** The last commit of a transactional id that the coordinator has acknowledged to this process. */
export interface KnownCommit {
  /** Offset after the last record that a commit wrote to a partition; null if no such commit is known. */
  endIn(partition: TopicPartition): number | null;
  /**
   * Whether a commit wrote to the partition, and no later transaction was begun there. False if another instance may
   * have owned the id since: it may have begun one anywhere.
   */
  isLastIn(partition: TopicPartition): boolean;
  /** Whether the last commit of all wrote to the partition. */
  wroteLast(partition: TopicPartition): boolean;
  /** Whether the group has taken no offset from a later transaction. False as for `isLastIn`. */
  readonly hasLastOffset: boolean;
}

/**
 * The transactions of one input partition. After any error or unknown outcome the producer is unusable: `discard` it
 * and fence again. Only one transaction at a time.
 */
export interface TransactionalProducer {
  /** How the last transaction before the fencing ended; null if unknown. */
  readonly lastOutcome: TransactionOutcome | null;
  /**
   * The part of the log that is known to be committed, whatever happened to later transactions. Null if this process
   * has committed nothing with this id.
   */
  readonly lastCommit: KnownCommit | null;
  /**
   * Whether a connection to a broker was lost since the last call. If so, the brokers may have left the last
   * transaction open in some places.
   */
  lostConnection(): boolean;
  /**
   * How many milliseconds the brokers throttle the next writes of this transactional id; 0 if they do not. Wait before
   * `begin`: a transaction that is open during the wait may time out.
   */
  readonly throttledMs: number;
  /**
   * Ends the last transaction again, in all of `partitions` and for the group's offset. Then `discard` the producer.
   */
  repeatEnd(partitions: readonly TopicPartition[], outcome: TransactionOutcome): Promise<void>;
  /**
   * The offset at which this producer's open transaction begins in a partition, according to its leader. `unknown` if
   * the leader is too old, or does not allow us to read the topic.
   */
  openFrom(partition: TopicPartition): Promise<OpenFrom>;
  /**
   * Finds out facts that only the true leader and the true coordinator know, by a transaction that writes to both and
   * stays open. Then `discard` the producer and fence again, which aborts the transaction.
   */
  prove(changelog: TopicPartition, input: TopicPartition): Promise<Proof>;
  /** Adds the partitions that will be written, and the group's offsets, to a new transaction. */
  begin(partitions: readonly TopicPartition[]): Promise<void>;
  /**
   * Encodes records for one partition, split into as many requests as needed. The caller need not keep the records.
   * Prepared requests must be sent in the order of their preparation, or the producer discarded.
   *
   * @returns a function that sends them, in order, once a transaction is open. It returns the offset after the last
   *   record written, and throws RecordTooLargeError or FencedError.
   */
  prepare(to: TopicPartition, records: readonly RecordToWrite[]): () => Promise<number>;
  /** Prepares and sends in one call. */
  produce(to: TopicPartition, records: readonly RecordToWrite[]): Promise<number>;
  /** When the transaction commits, makes an offset the group's position in the input partition. */
  sendOffset(input: TopicPartition, offset: CommittedOffset): Promise<void>;
  commit(): Promise<void>;
  /** Waits for the requests in progress and closes the connections. Never throws. Idempotent. */
  discard(): Promise<void>;
}

export type OpenFrom = number | 'nothing' | 'unknown';

/** The result of a proving write. No other producer can have written since the fencing. */
export interface Proof {
  /**
   * Where the changelog ended before the write: every transaction below it has ended. The write takes one offset, and
   * its abort another.
   */
  readonly changelogEnd: number;
  /** The group's offset of the input partition; null if no offset is committed. */
  readonly committed: CommittedOffset | null;
}

export interface Transactions {
  /**
   * Initializes the transactional id. When it returns, no earlier owner of the id can write, and its open transaction
   * has ended. The group's offsets and last stable offsets are then final.
   */
  fence(transactionalId: string): Promise<TransactionalProducer>;
}

/** Partition counts of the topics written, and the partition of each key. */
export interface Partitioner {
  /** The same-numbered partition if the counts are equal; otherwise the default (murmur2) partitioner on the key. */
  partitionFor(topic: string, key: Buffer | null, inputPartition: number): number;
  /** The partitions that keys of an input partition may go to, and whether no other input partition writes to them. */
  targets(
    topic: string,
    inputPartition: number,
  ): { readonly partitions: readonly number[]; readonly isExclusive: boolean };
}

export type OnAssigned = (active: readonly number[], standby: readonly number[]) => void;

export interface GroupMembership {
  /**
   * Joins the group. From then on, calls `onAssigned` after each rebalance: with all partitions to run, and with those
   * to keep a standby of. Both are in ascending order, and no partition is in both.
   */
  start(onAssigned: OnAssigned): Promise<void>;
  /**
   * Resolves when the group has confirmed this member after the call: by a heartbeat sent after it, or by a new
   * assignment. Also resolves when `signal` aborts. Never rejects.
   */
  confirmed(signal: AbortSignal): Promise<void>;
  /** Leaves the group. */
  stop(): Promise<void>;
}

export interface PartitionOwner {
  /** The input partition. */
  readonly partition: number;
  readonly memberId: string;
  /** The owner's HTTP address, such as `http://10.0.0.7:8080`; null if it did not give one. */
  readonly httpAddress: string | null;
}

/** Which member of the group now has which input partition. Needs no membership. */
export interface PartitionOwners {
  /**
   * The owner of each partition. A partition without an owner is left out; if no instance runs, all are.
   *
   * @throws BrokerError if the group gives no answer, or only answers that a rebalance is in progress
   */
  owners(): Promise<readonly PartitionOwner[]>;
}

/** A member of the group and the state on its disk. */
export interface StateHolder {
  readonly memberId: string;
  /** As in `PartitionOwner`. */
  readonly httpAddress: string | null;
  /** The partitions that it keeps a standby of. */
  readonly standbys: readonly number[];
  /** Partition -> changelog position at its last join; standbys have moved forward since. */
  readonly statePositions: ReadonlyMap<number, number>;
}

/** Which member of the group holds which state. Needs no membership. */
export interface StateHolders {
  /** @throws BrokerError as `PartitionOwners.owners` */
  holders(): Promise<readonly StateHolder[]>;
}
