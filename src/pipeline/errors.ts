/** The closed catalogue of a partition's errors. Each class says how far recovery must go. */

import type { TopicPartition } from '../lib/record.js';

/**
 * Another owner has fenced this producer, or its transaction timed out. Restart the partition if this instance is still
 * a group member.
 */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** Kafka or the network failed. Discard the producer and restart the partition after a backoff. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
}

/**
 * An answer is old, or may be old: it may come from a broker that is cut off from its peers. The condition ends without
 * an operator: restart the partition.
 */
export class StaleViewError extends BrokerError {}

/**
 * Other settings built the state. If the process continued, it would decide differently than before. So the process
 * must stop.
 */
export class SettingsChangedError extends Error {
  override readonly name = 'SettingsChangedError';
  /** @param differences such as `EVENT_NAMESPACE is "b" here and "a" in the state` */
  constructor(differences: string) {
    super(
      `${differences}. Set it back, or follow "Change a deciding setting" in docs/operations.md and start with ` +
        'CONSENT=changed-settings',
    );
  }
}

/** The position is outside the log: records were lost, or the topic is another one. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = 'OffsetOutOfRangeError';
}

/** The store has not followed the changelog for so long that tombstones may be gone: open the folder again. */
export class MissedDeletionsError extends Error {
  override readonly name = 'MissedDeletionsError';
}

/** The reader was closed while a caller waited for it: not a fault. */
export class ReaderClosedError extends Error {
  override readonly name = 'ReaderClosedError';
}

/**
 * A record does not fit its topic. The partition is `blocked`. It continues when the limit is raised; the process need
 * not be restarted.
 */
export class RecordTooLargeError extends Error {
  override readonly name = 'RecordTooLargeError';
  constructor(
    readonly topic: string,
    /** Size of the refused batch in bytes. */
    readonly bytes: number,
    options?: ErrorOptions,
  ) {
    super(
      `a record batch of ${bytes} bytes does not fit topic ${topic}: raise its max.message.bytes ` +
        `(and the broker's replica.fetch.max.bytes if lower); the partition then continues without a restart`,
      options,
    );
  }
}

/** A record batch that can never be opened: damaged, or larger than MAX_BATCH_BYTES allows. */
export class UnreadableBatchError extends Error {
  override readonly name = 'UnreadableBatchError';
  readonly firstOffset: number;
  /** Where the next batch begins; null if that is not certain. */
  readonly nextOffset: number | null;

  /** @param remedy what to do about it, as a sentence */
  constructor(
    readonly log: TopicPartition,
    batch: { readonly firstOffset: number; readonly nextOffset: number | null; readonly why: string },
    remedy: string,
    options?: ErrorOptions,
  ) {
    const { firstOffset, nextOffset, why } = batch;
    const offsets =
      nextOffset === null ? `from offset ${firstOffset} on` : `at offsets ${firstOffset} to ${nextOffset - 1}`;
    super(`the record batch of ${log.topic}/${log.partition} ${offsets} cannot be read: ${why}. ${remedy}`, options);
    this.firstOffset = firstOffset;
    this.nextOffset = nextOffset;
  }
}

/**
 * The brokers have left a transaction open in the changelog, and no producer can end it. Records after it cannot be
 * read, and the next commit would also commit its records. The partition is `blocked` until an operator has ended it.
 */
export class HangingTransactionError extends Error {
  override readonly name = 'HangingTransactionError';
}

/**
 * A setting of the brokers keeps the partition from running. The partition is `blocked` until an operator has changed
 * the setting.
 */
export class BrokerSettingError extends Error {
  override readonly name = 'BrokerSettingError';
}

/**
 * If the partition continued, companies could be announced twice or never. The partition is `blocked` until an operator
 * consents, by setting the group's offset to the number in the message.
 */
export class InconsistentPositionError extends Error {
  override readonly name = 'InconsistentPositionError';
}

/** The changelog lacked rows that only the state folder had. They were written back: restart the partition. */
export class RowsWrittenBackError extends Error {
  override readonly name = 'RowsWrittenBackError';
}
