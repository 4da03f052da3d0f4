/** What the fetcher knows about each open reader. */
import { Backoff } from '../../lib/backoff.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { LogIdentity } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import type { PartitionReader } from './log-reader.js';

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 1_000;

export type LaneName = 'tail' | 'catchUp';

/** An open reader, with the state of its fetches. */
export interface Served {
  readonly reader: PartitionReader;
  /** The id of the topic that the reader's offsets belong to; null until it is known. */
  topicId: string | null;
  /** The epoch of a leader whose log has all records that were fetched so far; -1 until it is known. */
  leaderEpoch: number;
  lane: LaneName;
  /** The reader waits for a fetch, a look-up or a back-off. */
  busy: boolean;
  readonly backoff: Backoff;
  unknownSince: number | null;
  /** When trouble of the reader was reported last; null while there is none. */
  troubleReportedAt: number | null;
}

/** @param log the log that the reader's offsets belong to */
export function newlyServed(reader: PartitionReader, { topicId, leaderEpoch }: LogIdentity): Served {
  return {
    reader,
    topicId,
    leaderEpoch,
    lane: 'catchUp',
    busy: false,
    backoff: new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS),
    unknownSince: null,
    troubleReportedAt: null,
  };
}

/** The new leader does not have records that were read before (unclean election). */
export class RecordsLostError extends BrokerError {
  constructor(partition: TopicPartition, position: number, epoch: number, end: number) {
    super(
      `${nameOf(partition)} has lost records that were read (unclean leader election): everything below offset ${position} was read from the leader of ` +
        `epoch ${epoch}, but that epoch now ${end < 0 ? 'is not in the log' : `ends at ${end}`}`,
    );
  }
}
