/** Decides which errors of kafkajs's consumer end a membership. Two errors of our own always end it. */

/** kafkajs neither retries nor restarts after an error whose `retriable` is false. */
export class JoinRefusedError extends Error {
  override readonly name = 'JoinRefusedError';
  readonly retriable = false;
}

export class UnexpectedFetchError extends Error {
  override readonly name = 'UnexpectedFetchError';
  readonly retriable = false;
}

/**
 * Whether joining may succeed later. Unlike Kafka's clients, this does not treat an unknown topic as transient: the
 * input was found before, so it has been deleted.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
  if (error.name === 'KafkaJSNumberOfRetriesExceeded') return isTransient(error.cause);
  return 'retriable' in error && error.retriable === true;
}

/**
 * Whether the error is that no broker named the group's coordinator, which kafkajs treats as fatal. Brokers that
 * restart or load the group's state name no coordinator for some time. A broker that forbids the request looks the
 * same.
 */
export function isWithoutCoordinator(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'KafkaJSGroupCoordinatorNotFound' || isWithoutCoordinator(error.cause);
}

/** The membership is lost permanently: only a restart of the process may help. */
export class MembershipLostError extends Error {
  override readonly name = 'MembershipLostError';

  constructor(cause: Error) {
    super('group membership is lost permanently: this process ends, and its supervisor must start it again', { cause });
  }
}
