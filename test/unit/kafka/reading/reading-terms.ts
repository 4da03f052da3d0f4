import { LargeBatches } from '../../../../src/kafka/reading/large-batches.js';
import type { ReadingTerms } from '../../../../src/kafka/reading/reading-terms.js';
import { USUAL_MAX_BATCH_BYTES } from '../../../../src/kafka/protocol/record-batch-decoder.js';
import { ManualClock } from '../../../support/manual-clock.js';

/** Of a reader in a test. */
export const READING_TERMS: ReadingTerms = {
  kind: 'uncompacted',
  maxPartitionBytes: 2 * 1024 * 1024,
  maxBatchBytes: USUAL_MAX_BATCH_BYTES,
  remedy: (_, nextOffset) => `read on at ${nextOffset}`,
  large: new LargeBatches(new ManualClock()),
  memory: null,
  clock: new ManualClock(),
};
