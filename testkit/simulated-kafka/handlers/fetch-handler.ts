/**
 * Fetch without sessions: a replica gives whole batches, and waits for them up to a limit. Followers answer too (KIP-392),
 * with what they have below the high watermark that they know.
 */
import type { Broker } from '../broker.js';
import { NO_ERROR, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_ID } from '../error-codes.js';
import type { Replica } from '../log/replica.js';
import { fetchApi } from '../wire/log-apis.js';
import type { ValueOf } from '../wire/layout.js';
import { handler, type Handler } from './handler.js';

type Request = ValueOf<typeof fetchApi.request>;
type Answer = ValueOf<typeof fetchApi.answer>;
type AskedTopic = Request['topics'][number];
type AskedPartition = AskedTopic['partitions'][number];
type Fetched = Answer['topics'][number]['partitions'][number];

const READ_COMMITTED = 1;
const FIRST_VERSION_WITH_IDS = 13;
/** Earlier versions are answered by leaders alone. */
const FIRST_VERSION_OF_FOLLOWERS = 11;
const NO_REPLICA = -1;

export const fetchHandler: Handler = handler(fetchApi, (request, { broker, header }, reply) => {
  const { version } = header;
  let isDone = false;
  const stopWaiting: (() => void)[] = [];
  const finish = (answer: Answer): void => {
    for (const stop of stopWaiting) stop();
    if (!isDone) reply(answer);
    isDone = true;
  };
  const isReady = (): boolean => {
    if (isDone) return true;
    const answer = read(broker, request, version);
    if (isEnough(answer, request.minBytes)) finish(answer);
    return isDone;
  };
  if (isReady()) return;
  stopWaiting.push(broker.world.time.after(request.maxWaitMs, () => finish(read(broker, request, version))));
  for (const replica of replicasOf(broker, request, version)) stopWaiting.push(replica.wait(isReady));
});

/** Whether the answer cannot wait: it has bytes, or an error. */
function isEnough({ topics }: Answer, minBytes: number): boolean {
  const partitions = topics.flatMap((topic) => topic.partitions);
  if (partitions.length === 0 || partitions.some(({ errorCode }) => errorCode !== NO_ERROR)) return true;
  return partitions.reduce((sum, { records }) => sum + (records?.length ?? 0), 0) >= minBytes;
}

function read(broker: Broker, request: Request, version: number): Answer {
  let left = request.maxBytes;
  const topics = request.topics.map((asked) => ({
    topic: asked.topic,
    topicId: asked.topicId,
    partitions: asked.partitions.map((partition) => {
      const replica = replicaFor(broker, asked, partition.partition, version, partition.leaderEpoch);
      const fetched = readPartition(replica, partition, request, left);
      left -= fetched.records?.length ?? 0;
      return fetched;
    }),
  }));
  return { throttleMs: broker.throttleMs, errorCode: NO_ERROR, sessionId: 0, topics };
}

/** @param bytesLeft of the whole answer. Only its first batch may exceed it (KIP-74) */
function readPartition(
  replica: Replica | number,
  { partition, offset, maxBytes }: AskedPartition,
  { isolation, maxBytes: maxOfAll }: Request,
  bytesLeft: number,
): Fetched {
  if (typeof replica === 'number') return refused(partition, replica);
  const { log, highWatermark, lastStableOffset } = replica;
  if (offset < log.start || offset > log.end) return refused(partition, OFFSET_OUT_OF_RANGE);
  const isCommitted = isolation === READ_COMMITTED;
  const to = isCommitted ? lastStableOffset : highWatermark;
  const isFull = bytesLeft <= 0 && bytesLeft < maxOfAll;
  const batches = isFull ? [] : log.read(offset, to, Math.min(maxBytes, bytesLeft));
  const isFirst = bytesLeft === maxOfAll;
  const first = batches[0]?.bytes.length ?? 0;
  const records = Buffer.concat(!isFirst && first > bytesLeft ? [] : batches.map(({ bytes }) => bytes));
  const end = batches.at(-1)?.lastOffset ?? offset - 1;
  return {
    partition,
    errorCode: NO_ERROR,
    highWatermark,
    lastStableOffset,
    logStart: log.start,
    aborted: isCommitted ? log.producers.abortedWithin(offset, end + 1) : null,
    preferredReplica: NO_REPLICA,
    records,
  };
}

function refused(partition: number, errorCode: number): Fetched {
  return {
    partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStart: -1,
    aborted: null,
    preferredReplica: NO_REPLICA,
    records: Buffer.alloc(0),
  };
}

function replicaFor(
  broker: Broker,
  { topic, topicId }: AskedTopic,
  partition: number,
  version: number,
  leaderEpoch?: number,
): Replica | number {
  const byId = version >= FIRST_VERSION_WITH_IDS;
  const name = byId ? [...broker.view.topics.values()].find((each) => each.topicId === topicId)?.topic : topic;
  if (name === undefined) return UNKNOWN_TOPIC_ID;
  return version >= FIRST_VERSION_OF_FOLLOWERS
    ? broker.anyReplica(name, partition, leaderEpoch)
    : broker.leaderReplica(name, partition, leaderEpoch);
}

function replicasOf(broker: Broker, { topics }: Request, version: number): Replica[] {
  return topics.flatMap((asked) =>
    asked.partitions
      .map(({ partition }) => replicaFor(broker, asked, partition, version))
      .filter((replica) => typeof replica !== 'number'),
  );
}
