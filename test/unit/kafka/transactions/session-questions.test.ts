import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import type { OpenProducers } from '../../../../src/kafka/protocol/describe-producers.js';
import { ERROR_CODES, NO_ERROR } from '../../../../src/kafka/protocol/protocol-errors.js';
import { hasOpenAt } from '../../../../src/kafka/transactions/session-questions.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';

/** Asks a leader with this answer. A leader that does not know the request does not answer. */
function asked(errorCode: number, open: readonly bigint[] = [], knowsRequest = true): Promise<boolean | null> {
  const answer: OpenProducers = { errorCode, open, clientSideThrottleTime: 0 };
  const broker = {
    versions: knowsRequest ? { 61: { minVersion: 0, maxVersion: 0 } } : {},
    connectionPool: { send: () => Promise.resolve(answer) },
  } as unknown as ConnectedBroker;
  const producerIds = new Set([6n, 7n]);
  const connections = { write: <T>(_leader: string, ask: (one: ConnectedBroker) => Promise<T>) => ask(broker) };
  const asking = { connections, producerIds, groupId: 'group', groupCoordinator: 'c:1' };
  return hasOpenAt(asking, 'a:1', { topic: 'output', partition: 0 });
}

test('a leader reports whether the session has a transaction open', async () => {
  expect(await asked(NO_ERROR, [3n, 7n])).toBe(true);
  expect(await asked(NO_ERROR, [3n])).toBe(false);
});

test('an open transaction of the producer id from before the fencing counts as its own', async () => {
  expect(await asked(NO_ERROR, [6n])).toBe(true);
});

test('with a leader that is too old, or without permission, the result is unknown', async () => {
  expect(await asked(NO_ERROR, [7n], false)).toBeNull();
  expect(await asked(ERROR_CODES.TOPIC_AUTHORIZATION_FAILED)).toBeNull();
});

test.each(['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR'] as const)(
  'a broker that answers %s is asked again, and its answer does not count as unknown',
  async (code) => {
    const answer = asked(ERROR_CODES[code]);
    await expect(answer).rejects.toThrow(BrokerError);
    await expect(answer).rejects.toThrow(code);
  },
);
