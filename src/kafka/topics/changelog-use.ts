/** Finds out whether a changelog has a committed record: an instance of this application id has then run before. */
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';
import type { TopicPartition } from '../../lib/record.js';
import { withReader } from '../../lib/with-reader.js';
import { ReaderClosedError, UnreadableBatchError } from '../../pipeline/errors.js';
import { hasOpenTransaction } from '../../pipeline/left-open.js';
import type { LogBounds, Logs } from '../../pipeline/ports.js';

/** Limit for all partitions together. */
const READING_TIMEOUT_MS = 30_000;

/** `unclear`: no committed record was found, but there may be one. The text says why. */
export type ChangelogUse = 'used' | 'empty' | { readonly unclear: string };

/**
 * Reads each partition to its first committed record, or to its last stable offset, and stops at the first record.
 * Markers and records of aborted transactions do not count: a take-over that proves its view leaves both in a new
 * changelog.
 *
 * @param logs must read the changelog as a compacted topic
 * @param bounds of each partition of the changelog
 * @throws BrokerError
 */
export async function changelogUse(
  logs: Pick<Logs, 'reader'>,
  topic: string,
  bounds: readonly LogBounds[],
  clock: Clock,
): Promise<ChangelogUse> {
  const over = new AbortController();
  const use = useOf(logs, topic, bounds, over.signal);
  await settlesWithin(use, clock, READING_TIMEOUT_MS);
  over.abort();
  return use;
}

async function useOf(
  logs: Pick<Logs, 'reader'>,
  topic: string,
  bounds: readonly LogBounds[],
  signal: AbortSignal,
): Promise<ChangelogUse> {
  const unclear: string[] = [];
  for (const [partition, found] of bounds.entries()) {
    try {
      if (await hasRecord(logs, { topic, partition }, found, signal)) return 'used';
      if (hasOpenTransaction(found)) unclear.push(`${topic}/${partition} has an open transaction`);
    } catch (error) {
      unclear.push(whyUnclear(error, { topic, partition }));
    }
  }
  return unclear.length === 0 ? 'empty' : { unclear: unclear.join('; ') };
}

async function hasRecord(
  logs: Pick<Logs, 'reader'>,
  partition: TopicPartition,
  { start, end }: LogBounds,
  signal: AbortSignal,
): Promise<boolean> {
  if (start >= end) return false;
  const look = async (reader: ReturnType<Logs['reader']>): Promise<boolean> => {
    for (let position = start; position < end;) {
      const { records, nextOffset } = await reader.next(1);
      if (records.length > 0) return true;
      position = nextOffset;
    }
    return false;
  };
  return withReader(logs.reader(partition, start), look, signal);
}

function whyUnclear(error: unknown, { topic, partition }: TopicPartition): string {
  if (error instanceof ReaderClosedError)
    return `${topic}/${partition} was not read within ${READING_TIMEOUT_MS / 1_000} s`;
  if (error instanceof UnreadableBatchError) return error.message;
  throw error;
}
