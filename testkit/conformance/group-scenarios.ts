/** The classic group protocol, in the versions that kafkajs sends. */
import {
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  offsetCommitApi,
  syncGroupApi,
} from '../simulated-kafka/wire/group-apis.js';
import type { BrokerUnderTest } from './broker-under-test.js';
import type { ClusterUnderTest } from './cluster-under-test.js';
import type { Scenario } from './scenario.js';

const JOIN = 5;
const OTHERS = 3;
const OFFSET_COMMIT = 5;
const MEMBER_ID_REQUIRED = 79;

export class Group {
  readonly groupId: string;

  /** @param coordinator the broker that is asked */
  constructor(
    private readonly cluster: ClusterUnderTest,
    private readonly coordinator: BrokerUnderTest = cluster,
  ) {
    this.groupId = cluster.name('group');
  }

  /** The same group, asked at another broker. */
  askedAt(broker: BrokerUnderTest): Group {
    return new Group(this.cluster, broker);
  }

  join(memberId: string, protocol = 'any') {
    return this.coordinator.askAs(joinGroupApi, JOIN, this.#joining(memberId, protocol));
  }

  /** The answer comes only when all members have joined. */
  joinWithOthers(memberId: string) {
    return this.coordinator.askAndWait(joinGroupApi, JOIN, this.#joining(memberId, 'any'));
  }

  #joining(memberId: string, protocol: string) {
    return {
      groupId: this.groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      instanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: protocol, metadata: Buffer.from('m') }],
    };
  }

  /** Gets a member id first, as kafkajs does. */
  async newMember(name: string) {
    const first = await this.join('');
    this.cluster.answers.call(first.memberId, name);
    this.cluster.answers.note(`${name} gets an id`, first);
    return first.errorCode === MEMBER_ID_REQUIRED ? first.memberId : Promise.reject(new Error('no id is required'));
  }

  async sync(memberId: string, generation: number, assigned: Readonly<Record<string, string>> = {}) {
    const assignments = Object.entries(assigned).map(([id, value]) => ({
      memberId: id,
      assignment: Buffer.from(value),
    }));
    const request = { groupId: this.groupId, generation, memberId, instanceId: null, assignments };
    this.cluster.answers.note('SyncGroup', await this.coordinator.askAs(syncGroupApi, OTHERS, request));
  }

  async heartbeat(memberId: string, generation: number): Promise<number> {
    const request = { groupId: this.groupId, generation, memberId, instanceId: null };
    return (await this.coordinator.askAs(heartbeatApi, OTHERS, request)).errorCode;
  }

  async leave(memberId: string): Promise<void> {
    const request = { groupId: this.groupId, memberId: '', members: [{ memberId, instanceId: null }] };
    this.cluster.answers.note('LeaveGroup', await this.coordinator.askAs(leaveGroupApi, OTHERS, request));
  }

  async commit(topic: string, memberId: string, generation: number): Promise<void> {
    const partitions = [{ partition: 0, offset: 3, leaderEpoch: -1, metadata: null }];
    const request = {
      groupId: this.groupId,
      generation,
      memberId,
      instanceId: null,
      retentionMs: -1,
      topics: [{ topic, partitions }],
    };
    this.cluster.answers.note('OffsetCommit', await this.coordinator.askAs(offsetCommitApi, OFFSET_COMMIT, request));
  }
}

export const NO_GENERATION = -1;

export const GROUP_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'one member joins, and is refused with wrong ids': async (cluster) => {
    const { answers } = cluster;
    const { topic } = await cluster.topic('input');
    const group = new Group(cluster);
    answers.note('JoinGroup, unknown member', await group.join('stranger'));
    answers.note('Heartbeat, no group', await group.heartbeat('stranger', 1));
    const member = await group.newMember('first');
    answers.note('Heartbeat before the join', await group.heartbeat(member, 0));
    answers.note('JoinGroup', await group.join(member));
    answers.note('Heartbeat before the sync', await group.heartbeat(member, 1));
    await group.commit(topic, member, 1);
    await group.sync('stranger', 1);
    await group.sync(member, 2);
    await group.sync(member, 1, { [member]: 'mine' });
    await group.sync(member, 1);
    answers.note('Heartbeat', await group.heartbeat(member, 1));
    answers.note('Heartbeat, wrong generation', await group.heartbeat(member, 2));
    answers.note('Heartbeat, unknown member', await group.heartbeat('stranger', 1));
    await group.commit(topic, member, 1);
    await group.commit(topic, member, 0);
    await group.commit(topic, 'stranger', 1);
    await group.commit(topic, '', NO_GENERATION);
    answers.note('JoinGroup, other protocol', await group.join('', 'other'));
    await group.leave('stranger');
    await group.leave(member);
    await group.leave(member);
    answers.note('Heartbeat after the end', await group.heartbeat(member, 1));
    await group.commit(topic, '', NO_GENERATION);
  },
  'a second member joins and leaves': async (cluster) => {
    const { answers } = cluster;
    const { topic } = await cluster.topic('input');
    const group = new Group(cluster);
    const first = await group.newMember('first');
    answers.note('JoinGroup', await group.join(first));
    await group.sync(first, 1, { [first]: 'all' });
    const second = await group.newMember('second');
    const joining = group.joinWithOthers(second);
    const REBALANCE_IN_PROGRESS = 27;
    await cluster.until(
      'a rebalance is in progress',
      async () => (await group.heartbeat(first, 1)) === REBALANCE_IN_PROGRESS,
    );
    await group.sync(first, 1);
    await group.commit(topic, first, 1);
    const [again, joined] = await Promise.all([group.join(first), joining]);
    // A broker lists the members in no order.
    const members = again.members.map((each) => (each.memberId === first ? 'first' : 'second')).sort();
    answers.note('JoinGroup, leader', { ...again, members });
    answers.note('JoinGroup, follower', joined);
    answers.note('Heartbeat, former generation', await group.heartbeat(first, 1));
    await group.sync(first, 2, { [first]: 'one', [second]: 'two' });
    await group.sync(second, 2);
    answers.note('JoinGroup of a follower again', await group.join(second));
    await group.leave(first);
    answers.note('Heartbeat of the one that stays', await group.heartbeat(second, 2));
    answers.note('JoinGroup', await group.join(second));
    await group.leave(second);
  },
};
