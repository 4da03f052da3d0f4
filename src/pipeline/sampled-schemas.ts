/**
 * Finds the schemas that the input's records are written with. It reads a few records from all parts of the partitions.
 */
import { framingFault, schemaIdOf } from '../avro/framing.js';
import type { Clock } from '../lib/clock.js';
import { settlesWithin } from '../lib/long-promise.js';
import type { TopicPartition } from '../lib/record.js';
import { withReader } from '../lib/with-reader.js';
import type { LogReader, Logs } from './ports.js';

/** Number of places in all partitions together. One record is read at each place. */
export const MAX_PLACES = 48;
/** Places read at a time. */
const MAX_READERS = 4;
/** Reads at one place: aborted transactions, markers and gaps deliver no record. */
const MAX_READS = 3;
/** Limit for all places, in milliseconds. */
const SAMPLING_TIMEOUT_MS = 10_000;

export interface SampledInput {
  readonly logs: Pick<Logs, 'bounds' | 'reader'>;
  readonly topic: string;
  readonly partitions: number;
  readonly clock: Clock;
}

/**
 * The ids found within the time limit, each with the number of its records. Records that cannot be read are left out.
 * After the time limit, nothing more is asked. Never rejects.
 */
export async function sampleSchemaIds(input: SampledInput): Promise<ReadonlyMap<number, number>> {
  const { logs, topic, partitions, clock } = input;
  const ids = new Map<number, number>();
  const over = new AbortController();
  const looked = Math.min(partitions, MAX_PLACES);
  const sampled = Array.from({ length: looked }, (_, i) => Math.floor((i * partitions) / looked)).values();
  const places = Math.floor(MAX_PLACES / looked);
  const readOn = async () => {
    // All readers share one iterator: each takes the next partition.
    for (const partition of sampled) {
      if (over.signal.aborted) return;
      const log = { topic, partition };
      const bounds = await logs.bounds(log).catch(() => null);
      for (let i = 0; bounds !== null && i < places && !over.signal.aborted; i++) {
        const { start, end } = bounds;
        const offset = start + Math.floor((i * (end - start)) / places);
        const id = offset < end ? await idAt(logs, log, offset, end, over.signal).catch(() => null) : null;
        if (id !== null && !over.signal.aborted) ids.set(id, (ids.get(id) ?? 0) + 1);
      }
    }
  };
  const all = Promise.all(Array.from({ length: MAX_READERS }, readOn));
  await settlesWithin(all, clock, SAMPLING_TIMEOUT_MS);
  over.abort();
  return ids;
}

/** The schema id of the first record at or after `from`; null if none arrives soon, or if it has no id. */
async function idAt(
  logs: Pick<Logs, 'reader'>,
  log: TopicPartition,
  from: number,
  end: number,
  signal: AbortSignal,
): Promise<number | null> {
  const firstId = async (reader: LogReader): Promise<number | null> => {
    for (let reads = 0, position = from; reads < MAX_READS && position < end; reads++) {
      const { records, nextOffset } = await reader.next(1);
      const value = records[0]?.value ?? null;
      if (records.length > 0) return value === null || framingFault(value) !== null ? null : schemaIdOf(value);
      position = nextOffset;
    }
    return null;
  };
  return withReader(logs.reader(log, from), firstId, signal);
}
