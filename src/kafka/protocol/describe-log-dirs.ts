/**
 * How many bytes a partition takes on its leader's disk: DescribeLogDirs, version 1 (Kafka 2.0).
 *
 *     request   [topic, [partition]]
 *     answer    throttle time, [error code, folder, [topic, [partition, bytes, lag, whether it is a copy that is being moved]]]
 *
 * Only the size shows whether compaction works. Offsets do not show it: they are never reused, so they grow in every
 * log, compacted or not. The request needs the permission Describe on the cluster.
 */
import type { TopicPartition } from '../../lib/record.js';
import { protocolCall, type Answer, type ConnectedBroker } from './protocol-call.js';
import { ERROR_CODES, NO_ERROR } from './protocol-errors.js';
import { WireReader, WireWriter } from './wire-format.js';

export interface LogSize extends Answer {
  /** Null if the broker does not know this request, or does not report the size. */
  readonly bytes: number | null;
}

const API_KEY = 35;
const API_VERSION = 1;
const FIXED_REQUEST_BYTES = 64;
const NOT_KNOWN: LogSize = { errorCode: NO_ERROR, clientSideThrottleTime: 0, bytes: null };

/** Asks the leader of a partition. */
export async function describeLogDirs(
  { versions, connectionPool }: ConnectedBroker,
  { topic, partition }: TopicPartition,
): Promise<LogSize> {
  const supported = versions?.[API_KEY];
  if (supported === undefined || supported.minVersion > API_VERSION || supported.maxVersion < API_VERSION)
    return NOT_KNOWN;
  const body = new WireWriter(FIXED_REQUEST_BYTES).onePartition({ topic, partition }).finish();
  return connectionPool.send(protocolCall(API_KEY, 'DescribeLogDirs', API_VERSION, body, readAnswer));
}

/** Reads the answer. Without permission, a broker answers with an empty list, and without an error. */
function readAnswer(body: Buffer): LogSize {
  const reader = new WireReader(body);
  const clientSideThrottleTime = reader.int32();
  const folders = reader.array(() => {
    const errorCode = reader.int16();
    reader.string(); // folder
    const ofTopics = reader.array(() => {
      reader.string(); // topic
      return reader.array(() => {
        reader.int32(); // partition
        const bytes = reader.safeInt64();
        reader.safeInt64(); // lag
        return reader.boolean() ? 0 : bytes;
      });
    });
    return { errorCode, sizes: ofTopics.flat() };
  });
  const sizes = folders.flatMap((folder) => folder.sizes);
  if (sizes.length > 0)
    return { errorCode: NO_ERROR, clientSideThrottleTime, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
  if (folders.length === 0) return { ...NOT_KNOWN, clientSideThrottleTime };
  const failed = folders.find(({ errorCode }) => errorCode !== NO_ERROR);
  const errorCode = failed?.errorCode ?? ERROR_CODES.NOT_LEADER_OR_FOLLOWER;
  return { errorCode, clientSideThrottleTime, bytes: null };
}
