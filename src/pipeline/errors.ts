/** The closed catalogue of what can go wrong with a partition; each class says how far recovery must go. */

import type { TopicPartition } from '../lib/record.js';

/** Another owner has fenced this producer (or its transaction timed out): take over again, if still a group member. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** Kafka or the network failed: discard the producer and take the partition over again, with backoff. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
}

/**
 * A broker that is cut off from its peers has answered with an old view, or nothing proves the contrary. It passes by
 * itself: take the partition over again.
 */
export class StaleViewError extends BrokerError {}

/** The state was built by other settings: running on would decide otherwise than before. The process must stop. */
export class SettingsChangedError extends Error {
  override readonly name = 'SettingsChangedError';
  /** @param differences such as `EVENT_NAMESPACE is "b" here and "a" in the state` */
  constructor(differences: string) {
    super(
      `${differences}. Set it back, or follow "Changing a setting that decides" in docs/operations.md and start with ` +
        'CONSENT=changed-settings',
    );
  }
}

/** The position lies outside the log: records were lost, or the topic is another one. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = 'OffsetOutOfRangeError';
}

/** The store has not followed the changelog for so long that tombstones may be gone: open the folder again. */
export class MissedDeletionsError extends Error {
  override readonly name = 'MissedDeletionsError';
}

/** The reader was closed while someone waited for it: not a fault. */
export class ReaderClosedError extends Error {
  override readonly name = 'ReaderClosedError';
}

/** A record does not fit its topic: the partition waits, and goes on by itself once the limit is raised. */
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
        `(and the broker's replica.fetch.max.bytes if lower); the partition goes on by itself then`,
      options,
    );
  }
}

/** A record batch of a log that cannot be opened, now or later: damaged, or larger than MAX_BATCH_BYTES allows. */
export class UnreadableBatchError extends Error {
  override readonly name = 'UnreadableBatchError';
  readonly firstOffset: number;
  /** Where the next batch begins; null if that is not known for certain. */
  readonly nextOffset: number | null;

  /** @param remedy what to do about it, as a sentence */
  constructor(
    readonly at: TopicPartition,
    batch: { readonly firstOffset: number; readonly nextOffset: number | null; readonly why: string },
    remedy: string,
    options?: ErrorOptions,
  ) {
    const { firstOffset, nextOffset, why } = batch;
    const offsets =
      nextOffset === null ? `from offset ${firstOffset} on` : `at offsets ${firstOffset} to ${nextOffset - 1}`;
    super(`the record batch of ${at.topic}/${at.partition} ${offsets} cannot be read: ${why}. ${remedy}`, options);
    this.firstOffset = firstOffset;
    this.nextOffset = nextOffset;
  }
}

/**
 * The brokers have left a transaction open in the changelog that no producer can end: what comes after it is not
 * readable, and the next commit would make its records count. The partition stops until an operator has ended it.
 */
export class HangingTransactionError extends Error {
  override readonly name = 'HangingTransactionError';
}

/** A setting of the brokers keeps the partition from running: it waits until an operator has changed the setting. */
export class BrokerSettingError extends Error {
  override readonly name = 'BrokerSettingError';
}

/**
 * Running on would announce twice or never, so the partition stops until an operator consents by setting the group's
 * offset to the number in the message.
 */
export class InconsistentPositionError extends Error {
  override readonly name = 'InconsistentPositionError';
}
