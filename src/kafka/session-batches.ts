import type { Clock } from '../lib/clock.js';
import type { RecordToWrite, TopicPartition } from '../lib/record.js';
import type { BatchSizeLimits } from './batch-size-limits.js';
import type { ProtocolCall } from './cluster.js';
import { produce, type ProduceAnswer } from './produce-request.js';
import { cutBatch, nextSequence } from './record-batch-encoder.js';
import type { ProducerSession } from './transaction-requests.js';

export interface EncodedBatch {
  readonly call: ProtocolCall<ProduceAnswer>;
  readonly count: number;
  readonly bytes: number;
}

export interface SessionBatchesOptions {
  readonly session: ProducerSession;
  readonly clock: Pick<Clock, 'now'>;
  readonly batchSizeLimits: Pick<BatchSizeLimits, 'of'>;
  /** How long a leader may wait for the in-sync replicas. */
  readonly produceTimeoutMs: number;
}

const MAX_RECORDS_PER_BATCH = 10_000;

/** Cuts the records of one producer session into Produce requests, and numbers them. */
export class SessionBatches {
  /** By partition, the sequence number of the next record. They go on over transactions. */
  readonly #sequences = new Map<string, number>();

  constructor(private readonly options: SessionBatchesOptions) {}

  /** What is encoded must be sent in that order. The records are not kept. */
  encode(to: TopicPartition, records: readonly RecordToWrite[]): EncodedBatch[] {
    const { session, clock, batchSizeLimits, produceTimeoutMs: timeoutMs } = this.options;
    const { transactionalId, producerId, producerEpoch } = session;
    const maxBytes = batchSizeLimits.of(to.topic);
    const partition = `${to.topic}-${to.partition}`;
    const batches: EncodedBatch[] = [];
    for (let start = 0; start < records.length;) {
      const cut = cutBatch(records, start, maxBytes, MAX_RECORDS_PER_BATCH);
      const count = cut.end - start;
      const firstSequence = this.#sequences.get(partition) ?? 0;
      this.#sequences.set(partition, nextSequence(firstSequence, count));
      const origin = { producerId, producerEpoch, firstSequence, timestamp: clock.now() };
      const call = produce({ transactionalId, to, records, start, cut, origin, timeoutMs });
      batches.push({ call, count, bytes: cut.bytes });
      start = cut.end;
    }
    return batches;
  }
}
