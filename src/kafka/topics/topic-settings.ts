/** Kafka's names of the topic settings that this program plans or checks. */
export const CLEANUP_POLICY = 'cleanup.policy';
export const DELETE_RETENTION_MS = 'delete.retention.ms';
export const MAX_COMPACTION_LAG_MS = 'max.compaction.lag.ms';
export const MAX_MESSAGE_BYTES = 'max.message.bytes';
export const MIN_INSYNC_REPLICAS = 'min.insync.replicas';
export const RETENTION_MS = 'retention.ms';
export const UNCLEAN_LEADER_ELECTION = 'unclean.leader.election.enable';
