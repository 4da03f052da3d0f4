/**
 * What the pipeline needs of the world. `kafka/` implements these with kafkajs; a simulation can implement them from
 * one seed. Every promise is a point at which anything may happen.
 */
import type { LogRecord, RecordToWrite, TopicPartition } from '../lib/record.js';

/** What one read gave. `records` may be empty while `nextOffset` moves: over markers, aborted or compacted records. */
export interface LogBatch {
  /** The receiver may empty it. */
  readonly records: LogRecord[];
  /** Where the next read starts. */
  readonly nextOffset: number;
  /** The last stable offset when this was read: `endOffset - nextOffset` is the lag. */
  readonly endOffset: number;
  /**
   * Of a leader whose log has all that was read below `nextOffset`. -1 if the brokers have none. See `LogIdentity`.
   */
  readonly leaderEpoch: number;
}

/**
 * Which log an offset belongs to. The records below the offset are those that the leader of that epoch had. A later
 * leader may lack some of them (unclean election): where its log has another history, `endOfEpoch` is below the offset.
 */
export interface LogIdentity {
  /** Null if the brokers have no topic ids. */
  readonly topicId: string | null;
  /** -1 if it is not known. */
  readonly leaderEpoch: number;
}

/**
 * Reads one partition forward, read_committed. Holds a bounded number of bytes. What it gives is good until the next
 * call of `next`, unless its maker says more: the memory of the records may then be that of others.
 */
export interface LogReader {
  /**
   * The next records, at most `maxRecords`; waits until there is something new, or `nextOffset` has moved. One call at
   * a time.
   * @throws OffsetOutOfRangeError where the position is not in the log; ReaderClosedError after `close`; BrokerError
   * where the topic is not there, is another one, has lost records that were read, or holds what cannot be read. Other
   * broker trouble is retried inside.
   */
  next(maxRecords: number): Promise<LogBatch>;
  /** Pending and later calls of `next` end with ReaderClosedError. Idempotent. */
  close(): void;
}

export interface LogBounds extends LogIdentity {
  /** First offset still in the log. */
  readonly start: number;
  /** Last stable offset: every transaction below has ended. */
  readonly end: number;
  /**
   * Offset after the last record that readers of the whole log see: above `end` while a transaction is open. Asked
   * before `end`, so that a transaction which ends in between is not taken for an open one.
   */
  readonly highWatermark: number;
  /** Of the topic: one that is deleted and created again has another id. Null if the brokers have none. */
  readonly topicId: string | null;
  /** Of the leader that has answered; it grows by each change of leader. -1 if the brokers have none. */
  readonly leaderEpoch: number;
  /** More than half of the brokers have said who leads. Otherwise the answer may be that of a broker that is cut off. */
  readonly byMost: boolean;
}

export interface CommittedOffset {
  readonly offset: number;
  /**
   * Of a leader whose log had all records below `offset` when they were read. -1 if the committer did not say:
   * an earlier release, or an operator.
   */
  readonly leaderEpoch: number;
}

export interface Logs {
  /**
   * @param log what `from` is an offset of. If the topic of that name is another one now, or has lost records below the
   * position, `next` ends with a BrokerError. Left out for the log that is there now.
   */
  reader(at: TopicPartition, from: number, log?: LogIdentity): LogReader;
  bounds(at: TopicPartition): Promise<LogBounds>;
  /**
   * Where a leader epoch has ended in the log that is there now: all that its leader had below that offset is there
   * still. -1 if the leader knows no such epoch; null if the brokers do not tell (before Kafka 2.1).
   * @throws BrokerError
   */
  endOfEpoch(at: TopicPartition, leaderEpoch: number): Promise<number | null>;
  /** The group's committed offset of an input partition; null if it has committed none. Final only after fencing. */
  committedOffset(at: TopicPartition): Promise<CommittedOffset | null>;
  /** Whether a transaction that has not ended holds an offset of the group for an input partition. */
  offsetIsPending(at: TopicPartition): Promise<boolean>;
}

export type TransactionOutcome = 'commit' | 'abort';

/** The last commit of a transactional id that the coordinator has acknowledged to this process. */
export interface KnownCommit {
  /** Offset after the last record that a commit wrote to a partition; null if none is known to have written there. */
  endIn(at: TopicPartition): number | null;
  /** A commit wrote to the partition, and no later transaction of this process was begun there. */
  isLastIn(at: TopicPartition): boolean;
  /** The group has taken no offset of a later transaction of this process. */
  readonly hasLastOffset: boolean;
}

/**
 * The transactions of one input partition. Any error and any unknown outcome ends the producer: `discard` it and fence
 * again. One transaction at a time.
 */
export interface TransactionalProducer {
  /** How the last transaction before the fencing ended; null where it is not known. */
  readonly lastOutcome: TransactionOutcome | null;
  /**
   * What of the log is known to be committed, whatever became of later transactions; null if this process has committed
   * nothing with this id.
   */
  readonly lastCommit: KnownCommit | null;
  /**
   * Whether a connection to a broker was lost since the last call: then the brokers may have left the last transaction
   * open in some places.
   */
  lostConnection(): boolean;
  /**
   * For how many milliseconds the brokers throttle what this transactional id writes next; 0 if they do not. Wait
   * before `begin`: a transaction that is open while it waits may time out.
   */
  readonly throttledMs: number;
  /** Ends the last transaction again, in all of `partitions` and for the group's offset. `discard` the producer then. */
  repeatEnd(partitions: readonly TopicPartition[], outcome: TransactionOutcome): Promise<void>;
  /**
   * Whether a transaction of this producer is open in a partition, as its leader says; null if that cannot be known:
   * the broker is too old, or does not let us read the topic.
   */
  hasOpenIn(at: TopicPartition): Promise<boolean | null>;
  /**
   * Finds out what only the true leader and the true coordinator know, by a transaction that writes to both and stays
   * open: `discard` the producer and fence again, which aborts it.
   */
  prove(changelog: TopicPartition, input: TopicPartition): Promise<Proof>;
  /** Adds the partitions that will be written, and the group's offsets, to a new transaction. */
  begin(partitions: readonly TopicPartition[]): Promise<void>;
  /**
   * Encodes records for one partition, cut into as many requests as needed: the caller need not keep them. What is
   * prepared is sent in that order, or the producer discarded.
   *
   * @returns what sends them, in order, once a transaction is open. It returns the offset after the last record written,
   * and throws RecordTooLargeError or FencedError.
   */
  prepare(to: TopicPartition, records: readonly RecordToWrite[]): () => Promise<number>;
  /** Prepares and sends. */
  produce(to: TopicPartition, records: readonly RecordToWrite[]): Promise<number>;
  /** Makes an offset the group's position in the input partition, when the transaction commits. */
  sendOffset(input: TopicPartition, offset: CommittedOffset): Promise<void>;
  commit(): Promise<void>;
  /** Waits for the requests in flight to settle and closes the connections. Never throws. Idempotent. */
  discard(): Promise<void>;
}

/** What a write has shown; nobody else can have written since the fencing. */
export interface Proof {
  /**
   * Where the changelog ended before the write: every transaction below has ended. The write takes one offset, and its
   * abort another.
   */
  readonly changelogEnd: number;
  /** The group's committed offset of the input partition; null if it has none. */
  readonly committed: CommittedOffset | null;
}

export interface Transactions {
  /**
   * Initialises the transactional id: when it returns, no earlier owner of the id can write, its open transaction has
   * ended, and committed offsets and last stable offsets are final.
   */
  fence(transactionalId: string): Promise<TransactionalProducer>;
}

/** Partition counts of the topics written, and where a key goes. */
export interface Partitioner {
  /** The same-numbered partition when the counts are equal, else the default (murmur2) partitioner on the key. */
  partitionFor(topic: string, key: Buffer | null, inputPartition: number): number;
  /** Where the keys of an input partition may go to, and whether no other input partition's do. */
  targets(topic: string, inputPartition: number): { readonly partitions: readonly number[]; readonly alone: boolean };
}

export type OnAssigned = (active: readonly number[], standby: readonly number[]) => void;

export interface GroupMembership {
  /**
   * Joins, and from then on calls `onAssigned` at each completed rebalance: with all partitions to run, and with those to
   * keep a standby of. In ascending order, and no partition is in both.
   */
  start(onAssigned: OnAssigned): Promise<void>;
  /**
   * Resolves once the group has confirmed this member after the call: by a heartbeat that was sent after it, or by a
   * new assignment; also when `signal` aborts. Never rejects.
   */
  confirmed(signal: AbortSignal): Promise<void>;
  /** Leaves the group. */
  stop(): Promise<void>;
}

export interface PartitionOwner {
  /** Of the input. */
  readonly partition: number;
  readonly memberId: string;
  /** Where the owner's HTTP is reached, such as `http://10.0.0.7:8080`; null where it did not tell. */
  readonly httpAddress: string | null;
}

/** Which member of the group has which input partition at present. Needs no membership. */
export interface PartitionOwners {
  /**
   * By partition; a partition without an owner is left out, as all are where no instance runs.
   * @throws BrokerError where the group gives no answer, or only that it is being assigned again
   */
  owners(): Promise<readonly PartitionOwner[]>;
}

/** A member of the group and the state on its disk. */
export interface StateHolder {
  readonly memberId: string;
  /** As of a `PartitionOwner`. */
  readonly httpAddress: string | null;
  /** The partitions that it keeps a standby of. */
  readonly standbys: readonly number[];
  /** Partition -> changelog position, as of its last join: standbys have gone on since. */
  readonly held: ReadonlyMap<number, number>;
}

/** Which member of the group holds which state. Needs no membership. */
export interface StateHolders {
  /** @throws BrokerError as `PartitionOwners.owners` */
  holders(): Promise<readonly StateHolder[]>;
}
