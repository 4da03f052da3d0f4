/** How membership begins, with a consumer that answers as told. */
import { Kafka, PartitionAssigners, type Consumer } from 'kafkajs';
import { once } from 'node:events';
import { pino } from 'pino';
import { KafkaGroupMembership } from '../../../src/kafka/group-membership.js';

afterEach(() => jest.restoreAllMocks());

/** As kafkajs gives up on an error code that it tried again for. */
function retriesExceeded(type: string): Error {
  const cause = Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: true });
  return Object.assign(new Error(type, { cause }), { name: 'KafkaJSNumberOfRetriesExceeded', retriable: false });
}

function startWith(subscribe: () => Promise<void>) {
  const run = jest.fn(() => Promise.resolve());
  const done = () => Promise.resolve();
  const consumer = { events: {}, on: () => undefined, connect: done, disconnect: done, subscribe, run };
  jest.spyOn(Kafka.prototype, 'consumer').mockReturnValue(consumer as unknown as Consumer);
  const warned = new AbortController();
  const membership = new KafkaGroupMembership({
    kafka: { brokers: ['broker:9092'] },
    groupId: 'group',
    topic: 'topic',
    assigner: PartitionAssigners.roundRobin,
    onCrash: () => undefined,
    logger: pino({ level: 'warn' }, { write: () => warned.abort() }),
  });
  return { membership, warned: warned.signal, run, started: membership.start(() => undefined) };
}

test('a partition without a leader is waited for', async () => {
  const subscribe = jest.fn(() => Promise.resolve()).mockRejectedValueOnce(retriesExceeded('LEADER_NOT_AVAILABLE'));
  const { started, run, warned } = startWith(subscribe);
  await started;
  expect(warned.aborted).toBe(true);
  expect(subscribe).toHaveBeenCalledTimes(2);
  expect(run).toHaveBeenCalledTimes(1);
});

test('stopping ends the wait, and the group is never joined', async () => {
  const { membership, started, run, warned } = startWith(() => Promise.reject(retriesExceeded('LEADER_NOT_AVAILABLE')));
  await once(warned, 'abort');
  await membership.stop();
  await started;
  expect(run).not.toHaveBeenCalled();
});

test.each([
  ['a topic that is gone', retriesExceeded('UNKNOWN_TOPIC_OR_PARTITION')],
  ['brokers that refuse us', Object.assign(new Error('who are you'), { retriable: false })],
])('%s is not waited for', async (_, error) => {
  const { started } = startWith(() => Promise.reject(error));
  await expect(started).rejects.toBe(error);
});
