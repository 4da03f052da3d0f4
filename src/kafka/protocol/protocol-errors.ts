/** Error codes of the Kafka protocol, and the errors of the pipeline's catalogue that they become for a producer. */
import { isOwnFault } from '../../lib/own-fault.js';
import { reasonOf } from '../../lib/reason-of.js';
import type { TopicPartition } from '../../lib/record.js';
import { BrokerError, FencedError } from '../../pipeline/errors.js';
import { describeError } from './error-names.js';

/** The codes that this program treats in a special way. `error-names.ts` has the names of all codes. */
export const ERROR_CODES = {
  OFFSET_OUT_OF_RANGE: 1,
  UNSUPPORTED_VERSION: 35,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  NON_EMPTY_GROUP: 68,
  GROUP_ID_NOT_FOUND: 69,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
  TRANSACTIONAL_ID_NOT_FOUND: 105,
} as const;

export const NO_ERROR = 0;

/**
 * The id has another owner, or the coordinator has ended the transaction because of its age: both have the same codes.
 * We know of no fencing that leads to INVALID_TXN_STATE in these versions of the requests. The code is in this list
 * because it means that somebody else has ended this transaction, and FencedError is the more careful reaction.
 */
const FENCED: ReadonlySet<number> = new Set([
  ERROR_CODES.INVALID_PRODUCER_EPOCH,
  ERROR_CODES.INVALID_TXN_STATE,
  ERROR_CODES.INVALID_PRODUCER_ID_MAPPING,
  ERROR_CODES.PRODUCER_FENCED,
]);

/** The pipeline's error for a broker's refusal: FencedError or BrokerError. */
export function refusal(code: number, request: string, partition?: TopicPartition): FencedError | BrokerError {
  const message = `${request}${place(partition)} was refused: ${describeError(code)}`;
  return FENCED.has(code) ? new FencedError(message) : new BrokerError(message);
}

/** @throws FencedError, BrokerError if the broker has refused the request */
export function throwRefused(
  answer: { errorCode: number; partition?: TopicPartition | undefined },
  request: string,
): void {
  if (answer.errorCode !== NO_ERROR) throw refusal(answer.errorCode, request, answer.partition);
}

/**
 * The error for a request whose outcome is unknown: it has no answer, or kafkajs failed.
 * @returns the cause itself if it is a fault of this program
 */
export function noAnswer(cause: unknown, request: string, partition?: TopicPartition): Error {
  if (cause instanceof Error && isOwnFault(cause)) return cause;
  return new BrokerError(`${request}${place(partition)} failed: ${whyFailed(cause)}`, { cause });
}

/** Why a request failed, for people: without the names of kafkajs's classes. */
export function whyFailed(error: unknown): string {
  const message = reasonOf(error);
  const [, address] = /^(?:Connection error: )?connect ECONNREFUSED (\S+)$/.exec(message) ?? [];
  return address === undefined ? message : `${address} refuses the connection (ECONNREFUSED)`;
}

/** Whether kafkajs made the error from an error code. Then the broker has answered, and the connection works. */
export function isProtocolError(error: unknown): error is Error & { readonly retriable: boolean } {
  return error instanceof Error && error.name === 'KafkaJSProtocolError';
}

/** Whether the same request may succeed later. False for a fault of this program, and for a permanent refusal. */
export function isWorthRetrying(error: unknown): boolean {
  return !isOwnFault(error) && (!isProtocolError(error) || error.retriable);
}

export function isTooLarge(code: number): boolean {
  return code === ERROR_CODES.MESSAGE_TOO_LARGE || code === ERROR_CODES.RECORD_LIST_TOO_LARGE;
}

function place(log: TopicPartition | undefined): string {
  return log === undefined ? '' : ` for ${log.topic}-${log.partition}`;
}
