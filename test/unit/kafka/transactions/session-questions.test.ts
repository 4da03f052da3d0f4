import type { ConnectedBroker } from '../../../../src/kafka/protocol/protocol-call.js';
import type { OpenProducers } from '../../../../src/kafka/protocol/describe-producers.js';
import { ERROR_CODES, NO_ERROR } from '../../../../src/kafka/protocol/protocol-errors.js';
import { openAt } from '../../../../src/kafka/transactions/session-questions.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';
import type { OpenFrom } from '../../../../src/pipeline/ports.js';

/** Asks a leader with this answer. A leader that does not know the request does not answer. */
function asked(errorCode: number, ids: readonly bigint[] = [], knowsRequest = true): Promise<OpenFrom> {
  const open = new Map(ids.map((id) => [id, Number(id) * 10]));
  const answer: OpenProducers = { errorCode, open, clientSideThrottleTime: 0 };
  const broker = {
    versions: knowsRequest ? { 61: { minVersion: 0, maxVersion: 0 } } : {},
    connectionPool: { send: () => Promise.resolve(answer) },
  } as unknown as ConnectedBroker;
  const producerIds = new Set([6n, 7n]);
  const connections = { write: <T>(_leader: string, ask: (one: ConnectedBroker) => Promise<T>) => ask(broker) };
  const asking = { connections, producerIds, groupId: 'group', groupCoordinator: 'c:1' };
  return openAt(asking, 'a:1', { topic: 'output', partition: 0 });
}

test('a leader reports where the transaction begins that the session has open', async () => {
  expect(await asked(NO_ERROR, [3n, 7n])).toBe(70);
  expect(await asked(NO_ERROR, [3n])).toBe('nothing');
});

test('an open transaction of the producer id from before the fencing counts as its own', async () => {
  expect(await asked(NO_ERROR, [7n, 6n])).toBe(60);
});

test('with a leader that is too old, or without permission, the result is unknown', async () => {
  expect(await asked(NO_ERROR, [7n], false)).toBe('unknown');
  expect(await asked(ERROR_CODES.TOPIC_AUTHORIZATION_FAILED)).toBe('unknown');
});

test.each(['NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR'] as const)(
  'a broker that answers %s is asked again, and its answer does not count as unknown',
  async (code) => {
    const answer = asked(ERROR_CODES[code]);
    await expect(answer).rejects.toThrow(BrokerError);
    await expect(answer).rejects.toThrow(code);
  },
);
