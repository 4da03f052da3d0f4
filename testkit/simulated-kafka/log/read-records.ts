/** Reads the records of a replica for tests, without a client. */
import { FetchedRecords } from '../../../src/kafka/protocol/record-batch-decoder.js';
import type { LogRecord } from '../../../src/lib/record.js';
import type { Replica } from './replica.js';

export type Isolation = 'read_committed' | 'read_uncommitted';
export type SimulatedRecord = LogRecord;

export function readRecords(
  { log, highWatermark, lastStableOffset }: Replica,
  isolation: Isolation,
): SimulatedRecord[] {
  const isCommitted = isolation === 'read_committed';
  const to = isCommitted ? lastStableOffset : highWatermark;
  const bytes = Buffer.concat(log.read(log.start, to, Infinity).map((batch) => batch.bytes));
  const aborted = isCommitted ? log.producers.abortedWithin(log.start, to) : [];
  const records: SimulatedRecord[] = [];
  new FetchedRecords(bytes, aborted, log.start).read(records, Infinity);
  return records;
}
