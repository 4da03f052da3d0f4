/**
 * Commits one batch in one transaction. Everything that others can see (changelog, outbound events, dead letters, the
 * group's offset) becomes visible together or not at all. Offsets are sent only after the local store has applied the
 * state.
 */
import { settleAll } from '../lib/settle-all.js';
import type { RecordToWrite, TopicPartition } from '../lib/record.js';
import { encodeChanges } from '../store/state-changes.js';
import { Stopwatch } from '../lib/stopwatch.js';
import type { ChangelogTail } from './changelog-tail.js';
import type { PipelineContext } from './context.js';
import type { Decisions } from './decisions.js';
import { mustBeSureNothingIsOpen, leadersMustShowNothingOpen } from './left-open.js';
import type { OwnedPartition } from './take-over.js';

interface Write {
  readonly to: TopicPartition;
  readonly records: RecordToWrite[];
}

/**
 * If a partition has no leader, brokers skip its transaction markers. Suppose a leader's host dies without closing its
 * connections. It is replaced at the earliest when it has sent no heartbeat for broker.session.timeout.ms (9 s). Its
 * last heartbeat is up to 2 s old when it takes a record. So if the next transaction begins more than 7 s after a
 * commit, that commit may have been left open without any error. This constant and `MARKERS_TIMEOUT_MS` add up to 5 s,
 * which is below those 7 s.
 */
const UNCHECKED_COMMIT_AGE_MS = 3_000;

function mayHaveSkippedMarkers({ sinceBegin }: ChangelogTail): boolean {
  return sinceBegin !== null && sinceBegin.elapsedMs > UNCHECKED_COMMIT_AGE_MS;
}

/**
 * Applies and commits the decisions of a batch that ends before input offset `nextOffset`. After an error, the outcome
 * of the transaction is unknown here. The caller must discard the producer and the cache, and restart the partition.
 * The take-over then finds out: `fence.ts` asks the coordinator how the transaction ended, and the replay of the
 * changelog (`restore.ts`) gives the state that belongs to that outcome.
 *
 * @param onBegun called once the transaction has begun: an error after that leaves a transaction behind
 * @returns the number of rows changed
 */
export async function commitBatch(
  context: PipelineContext,
  partition: number,
  owned: OwnedPartition,
  decisions: Decisions,
  nextOffset: number,
  onBegun: () => void = () => undefined,
): Promise<number> {
  const { producer, store, tail, counted, notes, inputLog } = owned;
  const { observer, topics } = context;
  // If the process was suspended or idle, `noteIfDue` first notes that the store misses nothing. This asks the brokers,
  // so it can take long.
  if (notes.restMs === 0) await notes.noteIfDue();
  if (producer.lostConnection()) await mustBeSureNothingIsOpen(context, partition, producer);
  else if (mayHaveSkippedMarkers(tail)) await leadersMustShowNothingOpen(context, partition, producer);
  const input = { topic: topics.input, partition };
  const position = { topic: topics.input, offset: nextOffset, countedUnder: counted.vocabulary };
  const origin = { prior: store.origin(), now: owned.origin };
  const encoded = encodeChanges(decisions.touched, position, store.position(), store.undoBytes, origin);
  const { changes } = encoded;
  const changed = changes.length;
  const changelog: Write = { to: { topic: topics.changelog, partition }, records: changes };
  const writes = [changelog, ...outboundWrites(context, partition, decisions)];

  const sinceBegin = new Stopwatch(context.clock);
  const prepared = writes.map((write) => producer.prepare(write.to, write.records));
  const begun = producer.begin(writes.map((write) => write.to)).then(() => {
    onBegun();
    observer.step(partition, 'begun');
  });
  const applied = store.apply(encoded, position, context.clock.now()).then(() => observer.step(partition, 'applied'));
  changes.length = 0; // All changes are encoded: the garbage collector need not visit them during the requests.
  await settleAll([begun, applied]);

  // Sends the offset first: brokers may throttle the requests that follow the records.
  const offsetSent = producer
    .sendOffset(input, { offset: nextOffset, leaderEpoch: inputLog.leaderEpoch })
    .then(() => observer.step(partition, 'offset-sent'));
  const produced = Promise.all(prepared.map((send) => send()));
  await settleAll<unknown>([produced.then(() => observer.step(partition, 'produced')), offsetSent]);

  const [changelogEnd] = (await produced) as [number];
  tail.mustFollow(changelogEnd - changed);
  await producer.commit();
  observer.step(partition, 'committed');
  tail.committed(changelogEnd, sinceBegin);
  store.confirm(changelogEnd);
  context.statePositions.note(partition, changelogEnd);
  for (const rows of decisions.touched) rows.settle();
  observer.step(partition, 'confirmed');
  return changed;
}

/** Announcements, dead letters, stalls and failures, grouped by target partition. */
function outboundWrites(context: PipelineContext, partition: number, decisions: Decisions): Write[] {
  const { topics, partitioner } = context;
  const input = { topic: topics.input, partition };
  const writes = new Map<string, Write>();
  const add = (topic: string, record: RecordToWrite) => {
    const to = { topic, partition: partitioner.partitionFor(topic, record.key, partition) };
    const id = `${to.topic}/${to.partition}`;
    const write = writes.get(id);
    if (write === undefined) writes.set(id, { to, records: [record] });
    else write.records.push(record);
  };
  for (const { announcement, completing } of decisions.announcements)
    add(topics.synchronized, context.encodeAnnouncement(announcement, input, completing));
  for (const badRecord of decisions.badRecords) add(topics.deadLetter, context.encodeDeadLetter(badRecord, input));
  for (const stall of decisions.stalls) add(topics.stalled, context.encodeStall(stall));
  for (const { failure, cause } of decisions.failures) add(topics.failed, context.encodeFailure(failure, input, cause));
  return [...writes.values()];
}
