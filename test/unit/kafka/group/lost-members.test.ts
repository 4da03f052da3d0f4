/** An instance keeps nothing about member ids that it has lost. */
import { Kafka, PartitionAssigners, type Consumer } from 'kafkajs';
import { pino } from 'pino';
import { KafkaGroupMembership } from '../../../../src/kafka/group/group-membership.js';
import type { RememberedMember } from '../../../../src/kafka/group/remembered-member.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { heapInUse } from '../../../../testkit/heap.js';

jest.mock('../../../../src/kafka/group/remove-member.js', () => ({ removeMember: () => Promise.resolve(true) }));
afterEach(() => jest.restoreAllMocks());

test('finished removals leave nothing behind, although the removal of the predecessor does not finish', async () => {
  const done = () => Promise.resolve();
  const listeners = new Map<string, (event: object) => void>();
  const consumer: object = {
    events: { GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', CRASH: 'crash' },
    on: (event: string, listener: (event: object) => void) => listeners.set(event, listener),
    pause: done,
    connect: done,
    disconnect: done,
    subscribe: done,
    run: done,
  };
  jest.spyOn(Kafka.prototype, 'consumer').mockReturnValue(consumer as Consumer);
  let removed: () => void = () => undefined;
  const remembered: Partial<RememberedMember> = {
    predecessor: () => Promise.resolve('predecessor'),
    remove: () => new Promise((resolve) => (removed = resolve)),
    note: () => undefined,
    forget: done,
  };
  const membership = new KafkaGroupMembership({
    kafka: { brokers: [] },
    clock: systemClock,
    remembered: remembered as RememberedMember,
    groupId: 'group',
    topic: 'topic',
    assigner: PartitionAssigners.roundRobin,
    onCrash: (error) => {
      throw error;
    },
    logger: pino({ level: 'silent' }),
  });
  await membership.start(() => undefined);
  const loseMember = async (times: number) => {
    for (let i = 0; i < times; i++) {
      listeners.get('join')?.({ payload: { memberId: `member ${i}`, memberAssignment: {} } });
      listeners.get('crash')?.({ payload: { error: new Error('lost'), restart: true } });
      await new Promise(setImmediate);
    }
  };
  await loseMember(500);
  const before = heapInUse();
  await loseMember(2_000);
  expect((heapInUse() - before) / 2_000).toBeLessThan(60);
  removed();
});
