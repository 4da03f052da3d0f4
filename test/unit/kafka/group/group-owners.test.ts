import { AssignerProtocol } from 'kafkajs';
import type { Socket } from 'node:net';
import { GroupOwners } from '../../../../src/kafka/group/group-owners.js';
import { encodeAssignment, encodeMemberInfo } from '../../../../src/kafka/group/member-messages.js';
import { NO_GROUP, readGroup } from '../../../../src/kafka/group/read-group.js';
import { systemClock } from '../../../../src/lib/system-clock.js';
import { startCluster } from '../../../../testkit/simulated-kafka/real-time.js';

const TOPIC = 'sync-events';
const DESCRIBE_GROUPS = 15;

/** New buffers each time, as in each answer of the coordinator. */
function member(memberId: string, active: readonly number[], position = 1) {
  const userData = encodeMemberInfo({
    httpAddress: `http://${memberId}:8080`,
    numStandby: 0,
    memberId,
    partitions: active,
    statePositions: new Map(active.map((partition) => [partition, position])),
    settings: new Map(),
    changelogId: null,
  });
  return {
    memberId,
    clientId: 'client',
    clientHost: '/10.0.0.7',
    memberMetadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [TOPIC], userData }),
    memberAssignment: encodeAssignment(TOPIC, { active, standby: [] }),
  };
}

test('a member is decoded once, until its bytes change', () => {
  const first = readGroup([member('a', [1]), member('b', [0])], TOPIC, NO_GROUP);
  expect(first.owners).toEqual([
    { partition: 0, memberId: 'b', httpAddress: 'http://b:8080' },
    { partition: 1, memberId: 'a', httpAddress: 'http://a:8080' },
  ]);
  expect(readGroup([member('a', [1]), member('b', [0])], TOPIC, first)).toBe(first);

  const [a, b] = first.holders;
  const joinedAgain = readGroup([member('a', [1]), member('b', [0], 2)], TOPIC, first);
  expect(joinedAgain.holders[0]).toBe(a);
  expect(joinedAgain.holders[1]).toEqual({ ...b, statePositions: new Map([[0, 2]]) });

  const alone = readGroup([member('a', [0, 1])], TOPIC, joinedAgain);
  expect(alone.owners.map(({ partition, memberId }) => [partition, memberId])).toEqual([
    [0, 'a'],
    [1, 'a'],
  ]);
  expect(readGroup([], TOPIC, alone).owners).toEqual([]);
});

test('requests at the same time share the answers of the coordinator', async () => {
  const real = startCluster();
  let described = 0;
  const socketFactory = (options: unknown): Socket => {
    const socket = (real.config.socketFactory as unknown as (options: unknown) => Socket)(options);
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    const counting = (request: string | Uint8Array, ...rest: unknown[]): boolean => {
      if (Buffer.isBuffer(request) && request.readInt16BE(4) === DESCRIBE_GROUPS) described++;
      return write(request, ...rest);
    };
    return Object.assign(socket, { write: counting });
  };
  const kafka = { ...real.config, socketFactory } as typeof real.config & { brokers: string[] };
  const owners = new GroupOwners({ kafka, groupId: 'group', topic: TOPIC, clock: systemClock });
  try {
    await owners.owners();
    described = 0;
    await Promise.all(Array.from({ length: 50 }, () => owners.owners()));
    expect(described).toBe(2);
  } finally {
    await owners.close();
    real.stop();
  }
});

test('of a group whose members send very much, only the smallest messages are read', () => {
  const claims = Array.from({ length: 5_000 }, (_, partition) => partition);
  const others = Array.from({ length: 100 }, (_, i) => member(`a-${i}`, claims));
  const group = readGroup([...others, member('z', [0])], TOPIC, NO_GROUP);
  expect(group.members.size).toBeLessThan(70);
  expect(group.owners.find(({ memberId }) => memberId === 'z')?.partition).toBe(0);
  expect(readGroup([...others, member('z', [0])], TOPIC, group)).toBe(group);
});
