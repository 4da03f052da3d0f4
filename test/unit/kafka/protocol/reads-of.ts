import { FetchedRecords } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import type { LogRecord } from '../../../../src/lib/record.js';

/** Reads a Fetch answer to its end. @returns how many records each read gave */
export function readsOf(batches: readonly Buffer[], maxBatchBytes: number, maxBytes: number): number[] {
  const fetched = new FetchedRecords(Buffer.concat(batches), [], 0, maxBatchBytes);
  const reads: number[] = [];
  while (!fetched.exhausted) {
    const records: LogRecord[] = [];
    fetched.read(records, 100, maxBytes);
    reads.push(records.length);
  }
  return reads;
}
