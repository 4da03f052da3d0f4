/**
 * Asks a partition's leader which producers have a transaction open in it: DescribeProducers (KIP-664), version 0.
 *
 *     request   [topic, [partition]]
 *     answer    throttle time, [topic, [partition, error code, message, [producer]]]
 *     producer  id, epoch, last sequence, last timestamp, coordinator epoch, start of its transaction or -1
 */
import type { TopicPartition } from '../../lib/record.js';
import { protocolCall, type Answer, type ConnectedBroker } from './protocol-call.js';
import { ERROR_CODES } from './protocol-errors.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface OpenProducers extends Answer {
  /** Producer id -> the offset at which its open transaction begins. */
  readonly open: ReadonlyMap<bigint, number>;
}

const API_KEY = 61;
const FIXED_REQUEST_BYTES = 64;
const UNSUPPORTED: OpenProducers = {
  errorCode: ERROR_CODES.UNSUPPORTED_VERSION,
  clientSideThrottleTime: 0,
  open: new Map(),
};

/** The answer's error is UNSUPPORTED_VERSION if the broker does not know the request (before Kafka 2.8). */
export async function describeProducers(
  { versions, connectionPool }: ConnectedBroker,
  { topic, partition }: TopicPartition,
): Promise<OpenProducers> {
  if (versions?.[API_KEY] === undefined) return UNSUPPORTED;
  const body = new WireWriter(FIXED_REQUEST_BYTES)
    .noTags() // of the request's header
    .uvarint(1 + 1)
    .compactString(topic)
    .uvarint(1 + 1)
    .int32(partition)
    .noTags()
    .noTags()
    .finish();
  return connectionPool.send(protocolCall(API_KEY, 'DescribeProducers', 0, body, readAnswer));
}

function readAnswer(body: Buffer): OpenProducers {
  const reader = new WireReader(body);
  reader.tags(); // of the answer's header
  const clientSideThrottleTime = reader.int32();
  const open = new Map<bigint, number>();
  let errorCode = 0;
  reader.compactArray(() => {
    reader.compactString(); // topic
    reader.compactArray(() => {
      reader.int32(); // partition
      errorCode = reader.int16();
      reader.compactString(); // message
      reader.compactArray(() => {
        const producerId = reader.int64();
        reader.int32(); // epoch
        reader.int32(); // last sequence
        reader.int64(); // last timestamp
        reader.int32(); // coordinator epoch
        const start = reader.safeInt64();
        if (start >= 0) open.set(producerId, start);
        reader.tags();
      });
      reader.tags();
    });
    reader.tags();
  });
  return { clientSideThrottleTime, errorCode, open };
}
