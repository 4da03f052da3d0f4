/** Questions about a partition's offsets and producers. */
import { FetchedRecords } from '../../../src/kafka/protocol/record-batch-decoder.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { LEADER_NOT_AVAILABLE, NO_ERROR, OFFSET_NOT_AVAILABLE } from '../error-codes.js';
import type { Replica } from '../log/replica.js';
import { describeLogDirsApi, describeProducersApi, listOffsetsApi, offsetForLeaderEpochApi } from '../wire/log-apis.js';
import { atOnce, forPartitions, handler, type Handler } from './handler.js';

const READ_COMMITTED = 1;
const LATEST = -1;
const EARLIEST = -2;
const NONE = -1;
/** Older versions do not know OFFSET_NOT_AVAILABLE. */
const FIRST_WITH_NOT_AVAILABLE = 5;

const listOffsets = handler(
  listOffsetsApi,
  atOnce(({ isolation, topics }, { broker, header }) => ({
    throttleMs: 0,
    topics: forPartitions(topics, (topic, { partition, leaderEpoch, timestamp }) => {
      const refused = (errorCode: number) => ({
        partition,
        errorCode,
        timestamp: NONE,
        offset: NONE,
        leaderEpoch: NONE,
      });
      const replica = broker.leaderReplica(topic, partition, leaderEpoch);
      if (typeof replica === 'number') return refused(replica);
      if (timestamp === LATEST && !replica.knowsHighWatermark)
        return refused(header.version < FIRST_WITH_NOT_AVAILABLE ? LEADER_NOT_AVAILABLE : OFFSET_NOT_AVAILABLE);
      const end = isolation === READ_COMMITTED ? replica.lastStableOffset : replica.highWatermark;
      return { partition, errorCode: NO_ERROR, ...listed(replica, timestamp, end) };
    }),
  })),
);

function listed({ log, state }: Replica, timestamp: number, end: number) {
  if (timestamp === LATEST) return { timestamp: NONE, offset: end, leaderEpoch: state.leaderEpoch };
  if (timestamp === EARLIEST) return { timestamp: NONE, offset: log.start, leaderEpoch: log.epochAt(log.start) };
  const batches = log.batches.filter((batch) => batch.maxTimestamp >= timestamp && batch.lastOffset < end);
  for (const { bytes, baseOffset, leaderEpoch, marker } of batches) {
    const records: LogRecord[] = [];
    if (marker === null) new FetchedRecords(bytes, [], baseOffset).read(records, Infinity);
    const found = records.find((record) => record.timestamp >= timestamp);
    if (found !== undefined) return { timestamp: found.timestamp, offset: found.offset, leaderEpoch };
  }
  return { timestamp: NONE, offset: NONE, leaderEpoch: NONE };
}

const offsetForLeaderEpoch = handler(
  offsetForLeaderEpochApi,
  atOnce(({ topics }, { broker }) => ({
    throttleMs: 0,
    topics: forPartitions(topics, (topic, { partition, leaderEpoch, epoch }) => {
      const replica = broker.leaderReplica(topic, partition, leaderEpoch);
      if (typeof replica === 'number') return { errorCode: replica, partition, epoch: NONE, endOffset: NONE };
      const end = epoch > replica.state.leaderEpoch ? undefined : replica.log.endOfEpoch(epoch);
      return { errorCode: NO_ERROR, partition, ...(end ?? { epoch: NONE, endOffset: NONE }) };
    }),
  })),
);

/** A follower answers too, with what its log says. */
const describeProducers = handler(
  describeProducersApi,
  atOnce(({ topics }, { broker }) => ({
    throttleMs: 0,
    topics: forPartitions(topics, (topic, partition) => {
      const replica = broker.anyReplica(topic, partition);
      if (typeof replica === 'number') return { partition, errorCode: replica, errorMessage: null, producers: [] };
      const producers = replica.log.producers.all.map((state) => ({
        producerId: state.producerId,
        producerEpoch: state.epoch,
        lastSequence: lastSequence(state.recent.at(-1)),
        lastTimestamp: state.lastTimestamp,
        coordinatorEpoch: state.coordinatorEpoch,
        transactionStart: state.transactionStart ?? NONE,
      }));
      return { partition, errorCode: NO_ERROR, errorMessage: null, producers };
    }),
  })),
);

function lastSequence(batch: { readonly baseSequence: number; readonly count: number } | undefined): number {
  return batch === undefined ? NONE : batch.baseSequence + batch.count - 1;
}

const describeLogDirs = handler(
  describeLogDirsApi,
  atOnce(({ topics }, { broker }) => {
    const isAsked = ({ topic, state }: Replica): boolean =>
      topics === null || topics.some((each) => each.topic === topic.topic && each.partitions.includes(state.partition));
    const replicas = [...broker.replicas].filter(isAsked);
    const ofReplica = ({ topic, state, log }: Replica) => ({
      topic: topic.topic,
      partitions: [{ partition: state.partition, bytes: log.bytes, lag: 0, isFuture: false }],
    });
    return {
      throttleMs: 0,
      folders: [{ errorCode: NO_ERROR, folder: '/simulated', topics: replicas.map(ofReplica) }],
    };
  }),
);

export const OFFSET_HANDLERS: readonly Handler[] = [
  listOffsets,
  offsetForLeaderEpoch,
  describeProducers,
  describeLogDirs,
];
