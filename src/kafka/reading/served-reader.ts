/** What the fetcher knows about each open reader. */
import { Backoff } from '../../lib/backoff.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import type { LogIdentity } from '../../pipeline/ports.js';
import { nameOf } from '../connection/leader-directory.js';
import type { FetchedPartition, PartitionToFetch } from '../protocol/fetch-shared.js';
import { isAnswerTooLarge } from '../protocol/protocol-call.js';
import { unfetchedBatchAt } from './large-batch-end.js';
import type { PartitionReader } from './log-reader.js';

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 1_000;
/** During an outage, each reader fails once a second: not every failure is reported. */
const TROUBLE_INTERVAL_MS = 30_000;

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
  /** The next fetch is of this partition alone, because an answer about it was too large. */
  isAlone: boolean;
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
    isAlone: false,
    backoff: new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS),
    unknownSince: null,
    troubleReportedAt: null,
  };
}

/** The readers of one fetch, by the name of their partition. A partition has at most one reader in a fetch. */
export type Group = Map<string, Served>;

/** Adds a reader, unless it must wait for the next fetch. */
export function join(group: Group, served: Served): void {
  const name = nameOf(served.reader.partition);
  const [first] = group.values();
  if (group.has(name) || (first !== undefined && (first.isAlone || served.isAlone))) return;
  group.set(name, served);
}

/** A leader has answered without an error: whatever was wrong before is over. */
export function noteSuccess(served: Served): void {
  served.backoff.reset();
  served.isAlone = false;
  served.unknownSince = null;
  served.troubleReportedAt = null;
}

/**
 * Notes a failed fetch. If the answer was too large, one batch made it so large. But the answer is not read, so it does not
 * show in which partition the batch is. So each partition of the fetch is fetched alone next, and its reader ends if that
 * answer is too large too.
 * @throws what `fetchHead` throws: then the end of the batch must be looked for again
 */
export async function noteFailure(served: Served, error: unknown, fetchHead: FetchHead): Promise<void> {
  if (!isAnswerTooLarge(error)) return;
  if (served.isAlone) {
    const fetch = (offset: number) => fetchHead(toFetch(served, offset));
    served.reader.tooLarge(error, await unfetchedBatchAt(served.reader.fetchOffset, fetch));
  }
  served.isAlone = true;
}

/** Fetches the header of the first batch at or after an offset. */
export type FetchHead = (partition: PartitionToFetch) => Promise<FetchedPartition>;

export function toFetch({ reader, topicId, leaderEpoch }: Served, fromOffset = reader.fetchOffset): PartitionToFetch {
  return { ...reader.partition, topicId, leaderEpoch, fromOffset };
}

/** Whether the trouble of a reader is to be reported: the first time, and then at most once in TROUBLE_INTERVAL_MS. */
export function isToReport(served: Served, now: number): boolean {
  if (served.troubleReportedAt !== null && now - served.troubleReportedAt < TROUBLE_INTERVAL_MS) return false;
  served.troubleReportedAt = now;
  return true;
}

/** The order in which the partitions of an answer move to the end of the line: those without records come first. */
export function emptyFirst(one: FetchedPartition, other: FetchedPartition): number {
  return Math.sign(one.records.length) - Math.sign(other.records.length);
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
