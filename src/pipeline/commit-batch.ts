/**
 * One batch's transaction. What the world sees (changelog, outbound events, dead letters, the group's offset) becomes
 * visible together or not at all, and offsets are sent only after the local store has applied the state.
 */
import { settleAll } from '../lib/settle-all.js';
import type { RecordToWrite, TopicPartition } from '../lib/record.js';
import { encodeChanges } from '../store/state-changes.js';
import type { PipelineContext } from './context.js';
import type { Decisions } from './decide.js';
import { mustBeWhole, mustLookWhole } from './fence.js';
import type { OwnedPartition } from './take-over.js';

interface Write {
  readonly to: TopicPartition;
  readonly records: RecordToWrite[];
}

/**
 * Brokers skip the markers of a transaction where a partition has no leader. A leader whose host dies without closing its
 * connections is without a successor at the earliest when it has sent no heartbeat for broker.session.timeout.ms (9 s),
 * and the last one is up to 2 s old when it takes a record. So a commit may be left open, and nobody is told, if the next
 * transaction begins later than 7 s after it. This and `MARKERS_TIMEOUT_MS` are 5 s.
 */
const LONG_AGO_MS = 3_000;

function isLongAgo(lastBegunAt: number | null, now: number): boolean {
  return lastBegunAt !== null && now - lastBegunAt > LONG_AGO_MS;
}

/**
 * Applies and commits the decisions of a batch that ends before input offset `nextOffset`.
 * After an error the producer and the cache must be thrown away and the partition taken over again; the outcome of the
 * transaction is then unknown here and settled by the take-over.
 *
 * @param onBegun called once the transaction has begun: an error from then on leaves a transaction behind
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
  if (producer.lostConnection()) await mustBeWhole(context, partition, producer);
  else if (isLongAgo(tail.lastBegunAt, context.clock.now())) await mustLookWhole(context, partition, producer);
  // A process that was suspended, or has had nothing to do, notes first that its store misses nothing.
  if (notes.restMs === 0) await notes.noteIfDue();
  const input = { topic: topics.input, partition };
  const position = { topic: topics.input, offset: nextOffset, countedUnder: counted.vocabulary };
  const origin = { prior: store.origin(), now: owned.origin };
  const encoded = encodeChanges(decisions.touched, position, store.position(), store.undoBytes, origin);
  const { changes } = encoded;
  const changed = changes.length;
  const changelog: Write = { to: { topic: topics.changelog, partition }, records: changes };
  const writes = [changelog, ...outboundWrites(context, partition, decisions)];

  const begunAt = context.clock.now();
  const prepared = writes.map((write) => producer.prepare(write.to, write.records));
  const begun = producer.begin(writes.map((write) => write.to)).then(() => {
    onBegun();
    observer.step(partition, 'begun');
  });
  const applied = store.apply(encoded, position, context.clock.now()).then(() => observer.step(partition, 'applied'));
  changes.length = 0; // All of it is encoded: while it is on its way, the garbage collector need not look at it.
  await settleAll([begun, applied]);

  // The offset first: brokers may throttle what comes after the records.
  const offsetSent = producer
    .sendOffset(input, { offset: nextOffset, leaderEpoch: inputLog.leaderEpoch })
    .then(() => observer.step(partition, 'offset-sent'));
  const produced = Promise.all(prepared.map((send) => send()));
  await settleAll<unknown>([produced.then(() => observer.step(partition, 'produced')), offsetSent]);

  const [changelogEnd] = (await produced) as [number];
  tail.mustFollow(changelogEnd - changed);
  await producer.commit();
  observer.step(partition, 'committed');
  tail.committed(changelogEnd, begunAt);
  store.confirm(changelogEnd);
  context.held.note(partition, changelogEnd);
  for (const rows of decisions.touched) rows.settle();
  observer.step(partition, 'confirmed');
  return changed;
}

/** Announcements, dead letters and stalls, grouped by the partition that each goes to. */
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
  for (const poison of decisions.poison) add(topics.deadLetter, context.encodeDeadLetter(poison, input));
  for (const stall of decisions.stalls) add(topics.stalled, context.encodeStall(stall));
  return [...writes.values()];
}
