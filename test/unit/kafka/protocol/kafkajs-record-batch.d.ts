/** The record batches of kafkajs, to compare ours with. kafkajs ships these modules without types. */

declare module 'kafkajs/src/protocol/recordBatch/record/v0/index.js' {
  import type Encoder from 'kafkajs/src/protocol/encoder.js';
  export default function encodeRecord(record: {
    offsetDelta: number;
    key: Buffer | null;
    value: Buffer | null;
    headers: Record<string, Buffer[]>;
  }): Encoder;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/index.js' {
  import type Encoder from 'kafkajs/src/protocol/encoder.js';
  export function RecordBatch(batch: {
    partitionLeaderEpoch: number;
    firstTimestamp: number;
    maxTimestamp: number;
    lastOffsetDelta: number;
    transactional: boolean;
    producerId: string;
    producerEpoch: number;
    firstSequence: number;
    records: Encoder[];
  }): Promise<Encoder>;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';
  export default function decodeBatch(decoder: Decoder): Promise<{
    records: { key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer | null | (Buffer | null)[]> }[];
  }>;
}
