/**
 * The error codes of the Kafka protocol as data: the name of each code, and what an operator can do about it.
 *
 * The names are those of Errors.java in Kafka 4.3. The meaning of a code never changes: newer brokers only add codes.
 */

/** The name at index N belongs to code N. */
const NAMES = `
NONE OFFSET_OUT_OF_RANGE CORRUPT_MESSAGE UNKNOWN_TOPIC_OR_PARTITION INVALID_FETCH_SIZE LEADER_NOT_AVAILABLE
NOT_LEADER_OR_FOLLOWER REQUEST_TIMED_OUT BROKER_NOT_AVAILABLE REPLICA_NOT_AVAILABLE MESSAGE_TOO_LARGE
STALE_CONTROLLER_EPOCH OFFSET_METADATA_TOO_LARGE NETWORK_EXCEPTION COORDINATOR_LOAD_IN_PROGRESS
COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR INVALID_TOPIC_EXCEPTION RECORD_LIST_TOO_LARGE NOT_ENOUGH_REPLICAS
NOT_ENOUGH_REPLICAS_AFTER_APPEND INVALID_REQUIRED_ACKS ILLEGAL_GENERATION INCONSISTENT_GROUP_PROTOCOL
INVALID_GROUP_ID UNKNOWN_MEMBER_ID INVALID_SESSION_TIMEOUT REBALANCE_IN_PROGRESS INVALID_COMMIT_OFFSET_SIZE
TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED INVALID_TIMESTAMP
UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE UNSUPPORTED_VERSION TOPIC_ALREADY_EXISTS INVALID_PARTITIONS
INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG NOT_CONTROLLER INVALID_REQUEST
UNSUPPORTED_FOR_MESSAGE_FORMAT POLICY_VIOLATION OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER
INVALID_PRODUCER_EPOCH INVALID_TXN_STATE INVALID_PRODUCER_ID_MAPPING INVALID_TRANSACTION_TIMEOUT
CONCURRENT_TRANSACTIONS TRANSACTION_COORDINATOR_FENCED TRANSACTIONAL_ID_AUTHORIZATION_FAILED SECURITY_DISABLED
OPERATION_NOT_ATTEMPTED KAFKA_STORAGE_ERROR LOG_DIR_NOT_FOUND SASL_AUTHENTICATION_FAILED UNKNOWN_PRODUCER_ID
REASSIGNMENT_IN_PROGRESS DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_OWNER_MISMATCH
DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DELEGATION_TOKEN_AUTHORIZATION_FAILED DELEGATION_TOKEN_EXPIRED
INVALID_PRINCIPAL_TYPE NON_EMPTY_GROUP GROUP_ID_NOT_FOUND FETCH_SESSION_ID_NOT_FOUND INVALID_FETCH_SESSION_EPOCH
LISTENER_NOT_FOUND TOPIC_DELETION_DISABLED FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH UNSUPPORTED_COMPRESSION_TYPE
STALE_BROKER_EPOCH OFFSET_NOT_AVAILABLE MEMBER_ID_REQUIRED PREFERRED_LEADER_NOT_AVAILABLE GROUP_MAX_SIZE_REACHED
FENCED_INSTANCE_ID ELIGIBLE_LEADERS_NOT_AVAILABLE ELECTION_NOT_NEEDED NO_REASSIGNMENT_IN_PROGRESS
GROUP_SUBSCRIBED_TO_TOPIC INVALID_RECORD UNSTABLE_OFFSET_COMMIT THROTTLING_QUOTA_EXCEEDED PRODUCER_FENCED
RESOURCE_NOT_FOUND DUPLICATE_RESOURCE UNACCEPTABLE_CREDENTIAL INCONSISTENT_VOTER_SET INVALID_UPDATE_VERSION
FEATURE_UPDATE_FAILED PRINCIPAL_DESERIALIZATION_FAILURE SNAPSHOT_NOT_FOUND POSITION_OUT_OF_RANGE
UNKNOWN_TOPIC_ID DUPLICATE_BROKER_REGISTRATION BROKER_ID_NOT_REGISTERED INCONSISTENT_TOPIC_ID
INCONSISTENT_CLUSTER_ID TRANSACTIONAL_ID_NOT_FOUND FETCH_SESSION_TOPIC_ID_ERROR INELIGIBLE_REPLICA
NEW_LEADER_ELECTED OFFSET_MOVED_TO_TIERED_STORAGE FENCED_MEMBER_EPOCH UNRELEASED_INSTANCE_ID UNSUPPORTED_ASSIGNOR
STALE_MEMBER_EPOCH MISMATCHED_ENDPOINT_TYPE UNSUPPORTED_ENDPOINT_TYPE UNKNOWN_CONTROLLER_ID UNKNOWN_SUBSCRIPTION_ID
TELEMETRY_TOO_LARGE INVALID_REGISTRATION TRANSACTION_ABORTABLE INVALID_RECORD_STATE SHARE_SESSION_NOT_FOUND
INVALID_SHARE_SESSION_EPOCH FENCED_STATE_EPOCH INVALID_VOTER_KEY DUPLICATE_VOTER VOTER_NOT_FOUND
INVALID_REGULAR_EXPRESSION REBOOTSTRAP_REQUIRED STREAMS_INVALID_TOPOLOGY STREAMS_INVALID_TOPOLOGY_EPOCH
STREAMS_TOPOLOGY_FENCED SHARE_SESSION_LIMIT_REACHED
`
  .trim()
  .split(/\s+/);
const UNKNOWN_SERVER_ERROR = -1;

/** Advice for codes that an operator can act on. Each text says what is wrong, and then what to do. */
const WHAT_TO_DO: Readonly<Record<string, string>> = {
  UNKNOWN_SERVER_ERROR: "the broker failed: read the broker's log",
  CORRUPT_MESSAGE: 'the bytes changed on their way: check the network and the memory of this host and of the broker',
  UNKNOWN_TOPIC_OR_PARTITION: 'if the topic is missing, run `company-sync topics create`',
  LEADER_NOT_AVAILABLE: 'the partition has no leader: check that the brokers of its replicas are up',
  REQUEST_TIMED_OUT: 'the replicas did not confirm in time: check the load and the disks of the brokers',
  MESSAGE_TOO_LARGE: 'raise max.message.bytes of the topic',
  RECORD_LIST_TOO_LARGE: 'the batch is larger than a segment: raise segment.bytes of the topic',
  NOT_ENOUGH_REPLICAS:
    'fewer replicas are in sync than min.insync.replicas of the topic demands, or the broker could not ask the ' +
    "transaction's coordinator: bring the missing brokers back",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    'fewer replicas are in sync than min.insync.replicas of the topic demands: bring the missing brokers back',
  TOPIC_AUTHORIZATION_FAILED:
    'our principal may not do this: add the ACL on the topic (docs/operations.md, "Permissions"). If `run` needs it, ' +
    '`company-sync doctor` prints the command',
  GROUP_AUTHORIZATION_FAILED:
    'our principal needs Read and Describe on the consumer group: `company-sync doctor` prints the command that adds the ACL',
  CLUSTER_AUTHORIZATION_FAILED:
    'our principal lacks a right on the cluster resource: `company-sync doctor` prints the command that adds the ACL',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    'our principal needs Write and Describe on the transactional id: `company-sync doctor` prints the command that adds ' +
    'the ACL',
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: 'our principal may not use this delegation token: ask for another token',
  INVALID_TIMESTAMP:
    'the clock of this host or of the broker is wrong: compare `date` on both and fix the time synchronisation, or ' +
    'raise message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic',
  UNSUPPORTED_SASL_MECHANISM: 'the brokers do not offer this mechanism: change KAFKA_SASL_MECHANISM',
  ILLEGAL_SASL_STATE: 'the listener does not expect SASL now: check KAFKA_SASL_* and the port in KAFKA_BROKERS',
  SASL_AUTHENTICATION_FAILED: 'the brokers refused the credentials: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  SECURITY_DISABLED: 'the brokers have no authorizer: set authorizer.class.name, or do without ACLs',
  DELEGATION_TOKEN_EXPIRED: 'renew the delegation token',
  UNACCEPTABLE_CREDENTIAL: 'the brokers refused the credentials: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  UNSUPPORTED_VERSION: 'the broker is too old for this request: upgrade it to Kafka 2.5 or later',
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 'the topic has an old message format: upgrade the brokers to Kafka 3.0 or later',
  UNSUPPORTED_COMPRESSION_TYPE: 'the broker does not know this compression: change compression.type of the topic',
  INVALID_REPLICATION_FACTOR: 'there are fewer brokers than replicas wanted: pass a smaller --replication-factor',
  INVALID_PARTITIONS: 'pass another --partitions',
  INVALID_CONFIG: "a setting has a value that the broker does not take: read the broker's log",
  POLICY_VIOLATION: "a policy of the brokers forbids this: ask the cluster's operator which policy, and what it allows",
  INVALID_TRANSACTION_TIMEOUT:
    'transaction.max.timeout.ms of the brokers is below the timeout that we ask for: raise it',
  KAFKA_STORAGE_ERROR: 'the broker cannot use its disk: check its log and its log.dirs, and free space on the disk',
  LOG_DIR_NOT_FOUND: "a folder of the broker's log.dirs is missing: check its disks",
  GROUP_MAX_SIZE_REACHED: 'the group has as many members as group.max.size of the brokers allows: raise it',
  INVALID_SESSION_TIMEOUT:
    'our session timeout is outside of group.min.session.timeout.ms and group.max.session.timeout.ms: change those',
  THROTTLING_QUOTA_EXCEEDED: 'a quota of the brokers is used up: raise the quota of our principal or client id',
  INVALID_RECORD: 'the topic does not take this record: check its cleanup.policy (compaction needs keys)',
  TOPIC_DELETION_DISABLED: 'set delete.topic.enable=true on the brokers',
};

/** Kafka's name of an error code. For an unknown code, a text: the code is from a newer Kafka. */
export function errorName(code: number): string {
  if (code === UNKNOWN_SERVER_ERROR) return 'UNKNOWN_SERVER_ERROR';
  return NAMES[code] ?? 'an error code of a newer Kafka';
}

/**
 * The name of an error code, the code, and the advice for an operator if the code has advice. Put it at the end of a
 * message.
 */
export function describeError(code: number): string {
  const name = errorName(code);
  const whatToDo = WHAT_TO_DO[name];
  return whatToDo === undefined ? `${name} (${code})` : `${name} (${code}): ${whatToDo}`;
}

/** Every name that has advice. */
export const ADVISED_ERRORS: readonly string[] = Object.keys(WHAT_TO_DO);
