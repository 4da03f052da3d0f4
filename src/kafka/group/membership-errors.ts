/** Which errors of kafkajs's consumer end a membership, and two of our own that must. */

/** kafkajs neither retries nor restarts after an error that is marked so. */
export class JoinRefusedError extends Error {
  override readonly name = 'JoinRefusedError';
  readonly retriable = false;
}

export class UnexpectedFetchError extends Error {
  override readonly name = 'UnexpectedFetchError';
  readonly retriable = false;
}

/** Kafka's clients count an unknown topic as transient; ours was looked up before, so it has been deleted. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
  if (error.name === 'KafkaJSNumberOfRetriesExceeded') return isTransient(error.cause);
  return 'retriable' in error && error.retriable === true;
}

/**
 * kafkajs takes it for fatal that no broker named the group's coordinator, and says no more of it. Brokers that restart
 * or load the group's state name none for a while; one that does not let us ask cannot be told from them.
 */
export function isWithoutCoordinator(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'KafkaJSGroupCoordinatorNotFound' || isWithoutCoordinator(error.cause);
}

/** Only a restart of the process may help. */
export class MembershipLostError extends Error {
  override readonly name = 'MembershipLostError';

  constructor(cause: Error) {
    super('group membership is lost permanently: the process ends, so that it is restarted', { cause });
  }
}
