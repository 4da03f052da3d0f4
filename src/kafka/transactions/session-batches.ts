import type { Clock } from '../../lib/clock.js';
import type { RecordToWrite, TopicPartition } from '../../lib/record.js';
import type { RecordBatchLimits } from './record-batch-limits.js';
import type { ProtocolCall } from '../protocol/protocol-call.js';
import { produce, produceCompressed, type ProduceAnswer } from '../protocol/produce-request.js';
import { cutBatch, nextSequence } from '../protocol/record-batch-encoder.js';
import type { ProducerSession } from '../protocol/transaction-requests.js';

export interface EncodedBatch {
  readonly count: number;
  /** The batch is compressed: it cannot become smaller. */
  readonly compressed: boolean;
  /** A promise while the batch is being compressed. */
  readonly request: SizedRequest | Promise<SizedRequest>;
}

export interface SizedRequest {
  readonly call: ProtocolCall<ProduceAnswer>;
  /** Size of the batch. */
  readonly bytes: number;
}

export interface SessionBatchesOptions {
  readonly session: ProducerSession;
  readonly clock: Pick<Clock, 'now'>;
  readonly recordBatchLimits: Pick<RecordBatchLimits, 'of'>;
  /** How long a leader may wait for the in-sync replicas. */
  readonly produceTimeoutMs: number;
}

const MAX_RECORDS_PER_BATCH = 10_000;

/** Cuts the records of one producer session into Produce requests, and numbers them. */
export class SessionBatches {
  /** By partition, the sequence number of the next record. The numbers continue over transactions. */
  readonly #sequences = new Map<string, number>();

  constructor(private readonly options: SessionBatchesOptions) {}

  /**
   * Encodes the records as batches. The caller must send the batches in the order in which they were encoded. The
   * records are not kept.
   *
   * A batch is larger than the limit only if its single record is. Such a batch is compressed: a record that fitted
   * into the input because it was compressed must also fit into the dead-letter topic.
   */
  encode(to: TopicPartition, records: readonly RecordToWrite[]): EncodedBatch[] {
    const { session, clock, recordBatchLimits, produceTimeoutMs: timeoutMs } = this.options;
    const { transactionalId, producerId, producerEpoch } = session;
    const maxBytes = recordBatchLimits.of(to.topic);
    const partition = `${to.topic}-${to.partition}`;
    const batches: EncodedBatch[] = [];
    for (let start = 0; start < records.length;) {
      const cut = cutBatch(records, start, maxBytes, MAX_RECORDS_PER_BATCH);
      const count = cut.end - start;
      const firstSequence = this.#sequences.get(partition) ?? 0;
      this.#sequences.set(partition, nextSequence(firstSequence, count));
      const origin = { producerId, producerEpoch, firstSequence, timestamp: clock.now() };
      const request = { transactionalId, to, records, start, cut, origin, timeoutMs };
      if (cut.bytes <= maxBytes)
        batches.push({ count, compressed: false, request: { call: produce(request), bytes: cut.bytes } });
      else {
        const compressing = produceCompressed(request);
        compressing.catch(() => undefined); // The sender awaits it. A batch may also never be sent.
        batches.push({ count, compressed: true, request: compressing });
      }
      start = cut.end;
    }
    return batches;
  }
}
