/** How membership begins, and begins again, with a simulated consumer. */
import { Kafka, logLevel, PartitionAssigners, type Consumer } from 'kafkajs';
import { once } from 'node:events';
import { pino } from 'pino';
import { KafkaGroupMembership } from '../../../../src/kafka/group/group-membership.js';
import { removeMember } from '../../../../src/kafka/group/remove-member.js';
import type { Clock } from '../../../../src/lib/clock.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { SteppedClock } from '../../../support/clocks.js';
import { MemoryOfTest, rememberedIn } from '../../../support/member-memory.js';

afterEach(() => jest.restoreAllMocks());

/** The error with which kafkajs gives up after its retries. */
function retriesExceeded(type: string): Error {
  const cause = Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: true });
  return Object.assign(new Error(type, { cause }), { name: 'KafkaJSNumberOfRetriesExceeded', retriable: false });
}

function startWith(subscribe: () => Promise<void>, clock: Clock = systemClock) {
  const run = jest.fn(() => Promise.resolve());
  const done = () => Promise.resolve();
  const listeners = new Map<string, (event: object) => void>();
  const on = (event: string, listener: (event: object) => void) => listeners.set(event, listener);
  const events = { GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', CRASH: 'crash' };
  const pause = () => undefined;
  const consumer = { events, on, pause, connect: done, disconnect: done, subscribe, run };
  jest.spyOn(Kafka.prototype, 'consumer').mockReturnValue(consumer as unknown as Consumer);
  const warned = new AbortController();
  const memory = new MemoryOfTest();
  const onCrash = jest.fn();
  const membership = new KafkaGroupMembership({
    kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 }, logLevel: logLevel.NOTHING },
    clock,
    remembered: rememberedIn(memory, { brokers: [] }, 'group'),
    groupId: 'group',
    topic: 'topic',
    assigner: PartitionAssigners.roundRobin,
    onCrash,
    logger: pino({ level: 'warn' }, { write: () => warned.abort() }),
  });
  const crash = (error: Error) => listeners.get('crash')?.({ payload: { error, restart: false } });
  const joined = () => listeners.get('join')?.({ payload: { memberId: 'member', memberAssignment: {} } });
  const started = membership.start(() => undefined);
  return { membership, memory, warned: warned.signal, run, onCrash, crash, joined, started };
}

test('a partition without a leader is waited for', async () => {
  const subscribe = jest.fn(() => Promise.resolve()).mockRejectedValueOnce(retriesExceeded('LEADER_NOT_AVAILABLE'));
  const clock = new SteppedClock();
  const { started, run, warned } = startWith(subscribe, clock);
  await started;
  expect(warned.aborted).toBe(true);
  expect(clock.delaysMs).toEqual([200]);
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

/** The error as kafkajs reports it: its wrapper keeps only the name of the cause. */
function noCoordinator(): Error {
  const cause = Object.assign(new Error('none'), { name: 'KafkaJSGroupCoordinatorNotFound', retriable: false });
  return Object.assign(new Error('none', { cause }), { name: 'KafkaJSNonRetriableError', retriable: false });
}

test('a group whose coordinator no broker names, as while brokers restart, is joined again', async () => {
  const subscribe = jest.fn(() => Promise.resolve());
  const { started, run, onCrash, crash } = startWith(subscribe);
  await started;
  crash(noCoordinator());
  await new Promise(setImmediate);
  expect(run).toHaveBeenCalledTimes(2);
  expect(onCrash).not.toHaveBeenCalled();
});

test('if joining again does not help, or after another crash, the membership ends with an error', async () => {
  const refusal = Object.assign(new Error('who are you'), { retriable: false });
  const subscribe = jest.fn(() => Promise.reject(refusal)).mockResolvedValueOnce(undefined as never);
  const { started, run, onCrash, crash } = startWith(subscribe);
  await started;
  crash(noCoordinator());
  await new Promise(setImmediate);
  crash(new Error('another'));
  expect(run).toHaveBeenCalledTimes(1);
  expect(onCrash.mock.calls).toEqual([[refusal], [new Error('another')]]);
});

test('after the stop, a crash is ignored', async () => {
  const { membership, started, run, onCrash, crash } = startWith(() => Promise.resolve());
  await started;
  await membership.stop();
  crash(noCoordinator());
  await new Promise(setImmediate);
  expect(run).toHaveBeenCalledTimes(1);
  expect(onCrash).not.toHaveBeenCalled();
});

test('a stop that could not leave the group is remembered, for the next start to remove the member', async () => {
  const { membership, memory, started, joined } = startWith(() => Promise.resolve());
  await started;
  joined();
  // kafkajs ignores a refusal silently, and there is no broker to remove the member from outside.
  await membership.stop();
  expect(memory.memberId).toBe('member');
});

test('a removal that nobody waits for any more ends, and leaves no timer', async () => {
  const gone = new AbortController();
  const kafka = { brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING };
  const removal = removeMember(kafka, systemClock, 'group', 'member', gone.signal);
  gone.abort();
  await expect(removal).rejects.toThrow('ECONNREFUSED');
}, 5_000);
