/** What the fetcher knows of each open reader. */
import type { Backoff } from '../../lib/backoff.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import { nameOf } from '../connection/leader-directory.js';
import type { PartitionReader } from './log-reader.js';

export type LaneName = 'tail' | 'catchUp';

/** A reader as it is served. */
export interface Served {
  readonly reader: PartitionReader;
  /** Of the topic whose offsets these are; null until it is known. */
  topicId: string | null;
  /** Of a leader whose log has all that was fetched so far; -1 until it is known. */
  leaderEpoch: number;
  lane: LaneName;
  /** Part of a fetch, a look-up or a back-off now. */
  busy: boolean;
  readonly backoff: Backoff;
  unknownSince: number | null;
  /** When its trouble was reported last; null while it has no trouble. */
  troubleToldAt: number | null;
}

/** A leader was elected that lacks records which were read before (unclean election). */
export class RecordsLostError extends BrokerError {
  constructor(at: TopicPartition, position: number, epoch: number, end: number) {
    super(
      `${nameOf(at)} has lost records that were read: everything below offset ${position} was read from the leader of ` +
        `epoch ${epoch}, and that epoch ${end < 0 ? 'is not in the log now' : `ends at ${end} now`}`,
    );
  }
}
