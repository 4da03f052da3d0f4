/** Produce, version 7: one batch to one partition. The batch is encoded directly into the buffer that is sent. */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import type { RecordToWrite, TopicPartition } from '../../lib/record.js';
import { BrokerError } from '../../pipeline/errors.js';
import { protocolCall, type Answer, type ProtocolCall } from './protocol-call.js';
import { compressBatch, encodeBatch, type BatchCut, type BatchOrigin } from './record-batch-encoder.js';

export interface ProduceRequest {
  readonly transactionalId: string;
  readonly to: TopicPartition;
  readonly records: readonly RecordToWrite[];
  /** Index of the first record of the batch. */
  readonly start: number;
  readonly cut: BatchCut;
  readonly origin: BatchOrigin;
  /** How long the leader may wait for the in-sync replicas, in milliseconds. */
  readonly timeoutMs: number;
}

export interface ProduceAnswer extends Answer {
  /** Offset of the batch's first record. */
  readonly baseOffset: number;
}

const API_KEY = 0;
const ACKS_ALL = -1;

/** Encodes the records at once, and does not keep them. */
export function produce(request: ProduceRequest): ProtocolCall<ProduceAnswer> {
  const { records, start, cut, origin } = request;
  const write = (out: Buffer, at: number) => encodeBatch(out, at, records, start, cut, origin);
  return callOf(request.to, encodeBody(request, cut.bytes, write));
}

/** As `produce`, but compresses the batch. Encodes the records at once, and does not keep them. */
export async function produceCompressed(
  request: ProduceRequest,
): Promise<{ call: ProtocolCall<ProduceAnswer>; bytes: number }> {
  const { records, start, cut, origin, ...rest } = request;
  const batch = Buffer.allocUnsafeSlow(cut.bytes);
  encodeBatch(batch, 0, records, start, cut, origin);
  const compressed = await compressBatch(batch);
  const body = encodeBody(rest, compressed.length, (out, at) => compressed.copy(out, at));
  return { call: callOf(rest.to, body), bytes: compressed.length };
}

function callOf(to: TopicPartition, body: Buffer): ProtocolCall<ProduceAnswer> {
  return protocolCall(API_KEY, 'Produce', 7, body, (answer) => readAnswer(answer, to));
}

type Destination = Pick<ProduceRequest, 'transactionalId' | 'to' | 'timeoutMs'>;

/** @param write writes the batch, of `bytes` bytes */
function encodeBody(
  { transactionalId, to, timeoutMs }: Destination,
  batchBytes: number,
  write: (out: Buffer, at: number) => void,
): Buffer {
  const idBytes = Buffer.byteLength(transactionalId);
  const topicBytes = Buffer.byteLength(to.topic);
  const out = Buffer.allocUnsafe(2 + idBytes + 2 + 4 + 4 + 2 + topicBytes + 4 + 4 + 4 + batchBytes);
  let at = out.writeInt16BE(idBytes, 0);
  at += out.write(transactionalId, at);
  at = out.writeInt16BE(ACKS_ALL, at);
  at = out.writeInt32BE(timeoutMs, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt16BE(topicBytes, at);
  at += out.write(to.topic, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(to.partition, at);
  at = out.writeInt32BE(batchBytes, at);
  write(out, at);
  return out;
}

function readAnswer(body: Buffer, to: TopicPartition): ProduceAnswer {
  const decoder = new Decoder(body);
  const partitions = decoder.readArray((ofTopic) => {
    ofTopic.readString();
    return ofTopic.readArray((d) => {
      d.readInt32(); // partition
      const errorCode = d.readInt16();
      const baseOffset = Number(d.readInt64().toString());
      d.readInt64(); // log append time
      d.readInt64(); // log start offset
      return { errorCode, baseOffset };
    });
  });
  const clientSideThrottleTime = decoder.readInt32();
  const answer = partitions.flat()[0];
  if (answer === undefined)
    throw new BrokerError(`the answer to Produce has no result for ${to.topic}-${to.partition}`);
  return { ...answer, clientSideThrottleTime };
}
