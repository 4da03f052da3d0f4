/**
 * CreateTopics, version 3 (Kafka 1.0), for one topic. Uses kafkajs's encoding, but reads the answer itself: kafkajs
 * drops the broker's message, and only this message says what a create policy wants.
 */
import createTopicsRequest from 'kafkajs/src/protocol/requests/createTopics/v3/request.js';
import { decode } from 'kafkajs/src/protocol/requests/createTopics/v3/response.js';
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js';
import type { ProtocolCall } from './protocol-call.js';
import { describeError } from './error-names.js';
import { NO_ERROR } from './protocol-errors.js';

export interface TopicToCreate {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Settings that differ from the broker's defaults. */
  readonly settings: ReadonlyMap<string, string>;
}

/** If the broker refuses, the call rejects with kafkajs's error for the code, and with the broker's message. */
export function createTopicCall(
  { topic, partitions, replicationFactor, settings }: TopicToCreate,
  timeoutMs: number,
): ProtocolCall<object> {
  const configEntries = [...settings].map(([name, value]) => ({ name, value }));
  const topics = [{ topic, numPartitions: partitions, replicationFactor, configEntries }];
  const parse = (decoded: Awaited<ReturnType<typeof decode>>): Promise<object> => {
    const refused = decoded.topicErrors.find(({ errorCode }) => errorCode !== NO_ERROR);
    if (refused === undefined) return Promise.resolve(decoded);
    const { errorCode, errorMessage } = refused;
    const error = createErrorFromCode(errorCode);
    error.message = errorMessage === null ? error.message : `${errorMessage} (${describeError(errorCode)})`;
    return Promise.reject(error);
  };
  return {
    request: createTopicsRequest({ topics, validateOnly: false, timeout: timeoutMs }),
    response: { decode, parse },
    logResponseError: false,
  };
}
