import { openPartitionStore, type PartitionStore } from '../store/partition-store.js';
import type { PipelineContext } from './context.js';

const HOUR_MS = 3_600_000;

/**
 * Opens a partition's store, whoever needs it; what cannot be trusted is set aside and begun anew.
 *
 * @param changelogEnd the changelog's last stable offset
 * @throws StoreUnavailableError, UnknownRowVersionError
 */
export function openStore(context: PipelineContext, partition: number, changelogEnd: number): Promise<PartitionStore> {
  const { applicationId, clusterId, topics, clock, observer } = context;
  return openPartitionStore(context.state, partition, {
    identity: { clusterId, applicationId, topic: topics.input, partition },
    changelogEnd,
    maxAwayMs: Math.max(0, context.deleteRetentionMs - HOUR_MS),
    now: clock.now(),
    onSetAside: (why) => observer.setAside(partition, why),
  });
}
