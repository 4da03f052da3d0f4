/** Produce: a leader appends batches, and answers when all in-sync replicas have them. */
import type { Broker } from '../broker.js';
import {
  CORRUPT_MESSAGE,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  CONCURRENT_TRANSACTIONS,
  INVALID_PRODUCER_EPOCH,
  INVALID_REQUEST,
  MESSAGE_TOO_LARGE,
  NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
  NOT_LEADER_OR_FOLLOWER,
  NO_ERROR,
  PRODUCER_FENCED,
  REQUEST_TIMED_OUT,
} from '../error-codes.js';
import { parseBatches, type Batch, type StoredBatch } from '../log/batch.js';
import type { Replica } from '../log/replica.js';
import { produceApi } from '../wire/log-apis.js';
import { afterAll, handler, type Handler } from './handler.js';

interface Result {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logStart: number;
}

interface Write {
  readonly topic: string;
  readonly partition: number;
  readonly records: Buffer | null;
}

interface Terms {
  readonly transactionalId: string | null;
  readonly acks: number;
  readonly timeoutMs: number;
}

const ALL_IN_SYNC = -1;
const NO_ACKS = 0;
const NO_OFFSET = -1;

function refused(errorCode: number): Result {
  return { errorCode, baseOffset: NO_OFFSET, logStart: NO_OFFSET };
}

export const produceHandler: Handler = handler(produceApi, ({ topics, ...terms }, { broker }, reply) => {
  const writes = topics.flatMap(({ topic, partitions }) => partitions.map((each) => ({ topic, ...each })));
  afterAll<Write, Result>(
    writes,
    (write, done) => produce(broker, terms, write, done),
    (results) => {
      if (terms.acks === NO_ACKS) return reply(null);
      const answered = writes.map((write, i) => ({ topic: write.topic, partition: write.partition, ...results[i]! }));
      reply({
        throttleMs: broker.throttleMs,
        topics: topics.map(({ topic }) => ({
          topic,
          partitions: answered
            .filter((each) => each.topic === topic)
            .map(({ partition, errorCode, baseOffset, logStart }) => ({
              partition,
              errorCode,
              baseOffset,
              logAppendTime: -1,
              logStart,
            })),
        })),
      });
    },
  );
});

function produce(
  broker: Broker,
  terms: Terms,
  { topic, partition, records }: Write,
  done: (result: Result) => void,
): void {
  const refuse = (errorCode: number): void => done(refused(errorCode));
  const replica = broker.leaderReplica(topic, partition);
  if (typeof replica === 'number') return refuse(replica);
  const batches = parseBatches(records ?? Buffer.alloc(0));
  if (batches === null) return refuse(CORRUPT_MESSAGE);
  const [batch] = batches;
  if (batch === undefined || batches.length > 1) return refuse(INVALID_REQUEST);
  const append = (): void => appendBatch(broker, replica, terms, batch, done);
  if (!batch.isTransactional || replica.log.producers.hasOpen(batch)) return append();
  const session = { ...batch, transactionalId: terms.transactionalId ?? '' };
  broker.verification.verify(session, { topic, partition }, (errorCode) =>
    errorCode === NO_ERROR ? append() : refuse(refusedVerification(errorCode)),
  );
}

const RETRIABLE: readonly number[] = [
  NOT_COORDINATOR,
  COORDINATOR_NOT_AVAILABLE,
  COORDINATOR_LOAD_IN_PROGRESS,
  CONCURRENT_TRANSACTIONS,
];

/** The code that a producer gets for the coordinator's refusal. */
function refusedVerification(errorCode: number): number {
  if (errorCode === PRODUCER_FENCED) return INVALID_PRODUCER_EPOCH;
  return RETRIABLE.includes(errorCode) ? NOT_ENOUGH_REPLICAS : errorCode;
}

function appendBatch(
  broker: Broker,
  replica: Replica,
  { acks, timeoutMs }: Terms,
  batch: Batch,
  done: (result: Result) => void,
): void {
  const refuse = (errorCode: number): void => done(refused(errorCode));
  if (!replica.isLeader) return refuse(NOT_LEADER_OR_FOLLOWER);
  if (acks === ALL_IN_SYNC && replica.isUnderLeastInSync) return refuse(NOT_ENOUGH_REPLICAS);
  if (batch.bytes.length > maxBytes(broker, replica)) return refuse(MESSAGE_TOO_LARGE);
  const repeated = replica.log.producers.duplicateOf(batch);
  const fault = repeated === undefined ? replica.log.producers.check(batch) : NO_ERROR;
  if (fault !== NO_ERROR) return refuse(fault);
  const stored = repeated ?? replica.append(batch);
  broker.replication.schedule(broker, replica);
  if (acks === ALL_IN_SYNC) awaitInSync(broker, replica, stored, timeoutMs, done);
  else done({ errorCode: NO_ERROR, baseOffset: stored.baseOffset, logStart: replica.log.start });
}

function maxBytes({ world }: Broker, { topic }: Replica): number {
  return Number(topic.settings.get('max.message.bytes') ?? world.settings.get('message.max.bytes'));
}

/** The batch is in the log: the answer has its offset, also with an error. */
function awaitInSync(
  { world }: Broker,
  replica: Replica,
  { baseOffset, lastOffset }: StoredBatch,
  timeoutMs: number,
  done: (result: Result) => void,
): void {
  const { leaderEpoch } = replica.state;
  let isDone = false;
  const finish = (errorCode: number): boolean => {
    cancel();
    if (!isDone) done({ errorCode, baseOffset, logStart: replica.log.start });
    isDone = true;
    return true;
  };
  const cancel = world.time.after(timeoutMs, () => finish(REQUEST_TIMED_OUT));
  replica.wait(() => {
    if (isDone) return true;
    if (!replica.isLeader || replica.state.leaderEpoch !== leaderEpoch) return finish(NOT_LEADER_OR_FOLLOWER);
    return replica.highWatermark > lastOffset && finish(NO_ERROR);
  });
}
