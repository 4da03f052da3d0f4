/**
 * Compaction of a partition, as Kafka's log cleaner does it: of each key the last committed record stays. A tombstone
 * stays for `delete.retention.ms`. Aborted records go. Offsets stay, so the log gets gaps. The last batch of a producer
 * stays, even if it is empty then.
 */
import { recordBytesOf, withRecords, type StoredBatch } from '../log/batch.js';
import { abortedBatches, recordsOf } from '../log/read-records.js';
import type { World } from '../world.js';
import { replicasOf, topicOf } from './topics.js';

export function compact(world: World, topic: string, partition: number): void {
  const replicas = replicasOf(world, topic, partition);
  const [fullest] = [...replicas].sort((a, b) => b.highWatermark - a.highWatermark);
  if (fullest === undefined) return;
  // The last batch stands for the active segment. It is not compacted, and no record gives way to one in it.
  const active = fullest.log.batches.at(-1)?.baseOffset ?? 0;
  const dirtyEnd = Math.min(active, ...replicas.map(({ lastStableOffset }) => lastStableOffset));
  const deleteRetentionMs = Number(topicOf(world, topic).settings.get('delete.retention.ms') ?? 86_400_000);
  const oldest = world.time.now() - deleteRetentionMs;
  const batches = fullest.log.batches.filter(({ lastOffset }) => lastOffset < dirtyEnd);
  const kept = keptOffsets(batches, oldest);
  const last = new Set(new Map(fullest.log.batches.map((batch) => [batch.producerId, batch.baseOffset])).values());
  for (const { log } of replicas)
    log.compact((batch) => {
      if (batch.lastOffset >= dirtyEnd) return batch;
      if (batch.marker !== null) return batch.maxTimestamp >= oldest || last.has(batch.baseOffset) ? batch : null;
      const records = recordBytesOf(batch).filter(({ offset }) => kept.has(offset));
      if (records.length === batch.count) return batch;
      return records.length === 0 && !last.has(batch.baseOffset) ? null : withRecords(batch, records);
    });
}

/** @param oldest a tombstone that was written before is removed */
function keptOffsets(batches: readonly StoredBatch[], oldest: number): Set<number> {
  const aborted = abortedBatches(batches);
  const lastOfKey = new Map<string, number>();
  const records = batches.flatMap((batch) => (batch.marker !== null || aborted.has(batch) ? [] : recordsOf(batch)));
  for (const { key, offset } of records) lastOfKey.set(String(key?.toString('latin1')), offset);
  const isKept = ({ key, value, offset, timestamp }: (typeof records)[number]): boolean =>
    lastOfKey.get(String(key?.toString('latin1'))) === offset && (value !== null || timestamp >= oldest);
  return new Set(records.filter(isKept).map(({ offset }) => offset));
}
