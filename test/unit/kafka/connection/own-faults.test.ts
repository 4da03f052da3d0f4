/** A fault of this program must not count as an outage: the program would wait for its end permanently. */
import { AssertionError } from 'node:assert';
import { logLevel } from 'kafkajs';
import type { AskedCluster } from '../../../../src/kafka/connection/cluster-view.js';
import { findGroupConflict } from '../../../../src/kafka/group/group-conflicts.js';
import { inputHasGrown } from '../../../../src/kafka/topics/input-growth.js';
import { LogBoundsReader, type LogBoundsOptions } from '../../../../src/kafka/reading/log-bounds.js';
import { versionFaults } from '../../../../src/kafka/connection/required-versions.js';
import { TopicAdmin } from '../../../../src/kafka/topics/topic-admin.js';
import { untilReady } from '../../../../src/kafka/connection/until-ready.js';
import type { Clock } from '../../../../src/lib/clock.js';
import { isOwnFault } from '../../../../src/lib/own-fault.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { BrokerError } from '../../../../src/pipeline/errors.js';

const fault = new TypeError('a fault of this program');
const failing = () => Promise.reject(fault);
const { signal } = new AbortController();
const partition = { topic: 'a-topic', partition: 0 };

/** Nobody listens there. */
const nowhere = { brokers: ['127.0.0.1:1'], clientId: 'test', logLevel: logLevel.NOTHING };
/** Before anything is sent. */
const faulty = {
  ...nowhere,
  logCreator: () => {
    throw fault;
  },
};

/** @param waits how many waits are allowed: one more means that a caller has tried again, which is an error */
function impatientClock(waits = 0): Clock {
  let waited = 0;
  const again = () => (waited++ < waits ? Promise.resolve() : Promise.reject(new Error('it was tried again')));
  return { now: () => 0, delay: again };
}

function askedCluster(coordinatorOf: () => Promise<never>): AskedCluster {
  return { kafka: nowhere, view: { coordinatorOf }, clock: systemClock };
}

function boundsReader(lookUp: () => Promise<never>): LogBoundsReader {
  const options: Partial<LogBoundsOptions> = {
    clock: impatientClock(),
    signal,
    onTrouble: () => undefined,
    cluster: { leaders: { lookUp, forget: () => undefined } } as unknown as LogBoundsOptions['cluster'],
  };
  return new LogBoundsReader(options as LogBoundsOptions);
}

test.each<[string, () => Promise<unknown>]>([
  ['the bounds of a log', () => boundsReader(failing).bounds(partition)],
  [
    'the settings of a group',
    () => findGroupConflict(askedCluster(failing), 'g', { topic: 't', settings: new Map() }, null),
  ],
  ['the coordinator of a transaction', () => untilReady(impatientClock(), 'InitProducerId', failing)],
  [
    'the growth of the input',
    () => inputHasGrown({ leaders: { lookUp: failing }, topic: 't', partitions: 1, clock: impatientClock(1) }, signal),
  ],
])('a TypeError in asking for %s is thrown as it is, at once', async (_, ask) => {
  await expect(ask()).rejects.toBe(fault);
});

test('a TypeError in asking for topics and versions is thrown as it is', async () => {
  const admin = new TopicAdmin(faulty, systemClock);
  await expect(admin.describe('a-topic')).rejects.toBe(fault);
  await admin.close();
  await expect(versionFaults(faulty, systemClock)).rejects.toBe(fault);
});

test('brokers that cannot be reached are an outage, with our message', async () => {
  const outcome = await versionFaults(nowhere, systemClock).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(BrokerError);
  expect(outcome).toMatchObject({ message: expect.stringMatching(/^ApiVersions failed: .*ECONNREFUSED/) as string });
  expect(
    await findGroupConflict(
      askedCluster(() => Promise.reject(new BrokerError('no leader'))),
      'g',
      { topic: 't', settings: new Map() },
      null,
    ),
  ).toBeNull();
});

test('errors of the language and of assertions are faults, also as the cause of an error of kafkajs', () => {
  const retried = (cause: Error) =>
    Object.assign(new Error('tried 5 times', { cause }), { name: 'KafkaJSNumberOfRetriesExceeded' });
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  for (const own of [fault, new RangeError(), new AssertionError({ message: 'no' }), retried(fault), undefined, 'text'])
    expect(isOwnFault(own)).toBe(true);
  for (const outage of [refused, retried(refused), new BrokerError('no leader')])
    expect(isOwnFault(outage)).toBe(false);
});
