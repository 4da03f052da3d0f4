/** The headers of record batches (KIP-98), without the fields that depend on the time of the run. */
const FROM_LENGTH_FIELD = 12;

export interface BatchHeader {
  readonly baseOffset: string;
  readonly lastOffsetDelta: number;
}

export function batchesOf(records: Buffer): BatchHeader[] {
  const batches: BatchHeader[] = [];
  for (let at = 0; at + FROM_LENGTH_FIELD <= records.length; at += FROM_LENGTH_FIELD + records.readInt32BE(at + 8))
    batches.push(headerAt(records, at));
  return batches;
}

function headerAt(records: Buffer, at: number) {
  return {
    baseOffset: records.readBigInt64BE(at).toString(),
    length: records.readInt32BE(at + 8),
    leaderEpoch: records.readInt32BE(at + 12),
    attributes: records.readInt16BE(at + 21),
    lastOffsetDelta: records.readInt32BE(at + 23),
    producerId: records.readBigInt64BE(at + 43),
    producerEpoch: records.readInt16BE(at + 51),
    baseSequence: records.readInt32BE(at + 53),
    count: records.readInt32BE(at + 57),
  };
}
