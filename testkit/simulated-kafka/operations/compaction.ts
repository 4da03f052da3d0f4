/**
 * Compaction of a partition, as Kafka's log cleaner does it: of each key the last committed record stays. A tombstone
 * stays for `delete.retention.ms`. Aborted records go. A marker stays as long, and while a record of its transaction is in the
 * log. Offsets stay, so the log gets gaps. The last batch of a producer stays, even if it is empty then.
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
  // The marker of the last transaction may be in the active segment.
  const aborted = abortedBatches(fullest.log.batches);
  const kept = keptOffsets(batches, aborted, oldest);
  const needed = markersWithData(batches, kept);
  const last = new Set(new Map(fullest.log.batches.map((batch) => [batch.producerId, batch.baseOffset])).values());
  for (const { log } of replicas)
    log.compact((batch) => {
      if (batch.lastOffset >= dirtyEnd) return batch;
      if (batch.marker !== null) {
        const stays = batch.maxTimestamp >= oldest || last.has(batch.baseOffset) || needed.has(batch.baseOffset);
        return stays ? batch : null;
      }
      const records = recordBytesOf(batch).filter(({ offset }) => kept.has(offset));
      if (records.length === batch.count) return batch;
      return records.length === 0 && !last.has(batch.baseOffset) ? null : withRecords(batch, records);
    });
}

/** The offsets of the markers that end a transaction of which a record is kept. */
function markersWithData(batches: readonly StoredBatch[], kept: ReadonlySet<number>): Set<number> {
  const markers = new Set<number>();
  const withData = new Set<StoredBatch['producerId']>();
  for (const batch of batches) {
    const { producerId, baseOffset, marker } = batch;
    if (marker === null && recordBytesOf(batch).some(({ offset }) => kept.has(offset))) withData.add(producerId);
    if (marker !== null && withData.delete(producerId)) markers.add(baseOffset);
  }
  return markers;
}

/** @param oldest a tombstone that was written before is removed */
function keptOffsets(
  batches: readonly StoredBatch[],
  aborted: ReturnType<typeof abortedBatches>,
  oldest: number,
): Set<number> {
  const lastOfKey = new Map<string, number>();
  const records = batches.flatMap((batch) => (batch.marker !== null || aborted.has(batch) ? [] : recordsOf(batch)));
  for (const { key, offset } of records) lastOfKey.set(String(key?.toString('latin1')), offset);
  const isKept = ({ key, value, offset, timestamp }: (typeof records)[number]): boolean =>
    lastOfKey.get(String(key?.toString('latin1'))) === offset && (value !== null || timestamp >= oldest);
  return new Set(records.filter(isKept).map(({ offset }) => offset));
}
