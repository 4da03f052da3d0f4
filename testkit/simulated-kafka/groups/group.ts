/**
 * A group of the classic protocol, as its coordinator keeps it:
 *
 *     Empty -> PreparingRebalance: waits until all members have joined
 *           -> CompletingRebalance: waits for the assignment of the group's leader
 *           -> Stable -> PreparingRebalance, at each change
 */
import {
  FENCED_INSTANCE_ID,
  ILLEGAL_GENERATION,
  INCONSISTENT_GROUP_PROTOCOL,
  MEMBER_ID_REQUIRED,
  NOT_COORDINATOR,
  NO_ERROR,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../error-codes.js';
import type { GroupHost, GroupPhase, MemberOfGeneration, StoredGroup } from './group-types.js';
import { ExpectedIds } from './expected-ids.js';
import { Roster } from './roster.js';
import {
  commonProtocol,
  Member,
  refusedJoin,
  refusedSync,
  type Client,
  type JoinAnswer,
  type JoinRequest,
  type SyncAnswer,
} from './member.js';

export class Group {
  phase: GroupPhase = 'Empty';
  generation = 0;
  protocolType = '';
  protocol = '';
  #leader = '';
  readonly #members = new Roster();
  readonly #expected: ExpectedIds;
  #cancelRebalance: () => void = () => undefined;
  /** Whether the first rebalance waits for more members. */
  #isDelayed = false;

  constructor(
    readonly groupId: string,
    private readonly host: GroupHost,
  ) {
    this.#expected = new ExpectedIds(host.time);
  }

  get members(): readonly Member[] {
    return this.#members.all;
  }

  join(request: JoinRequest, client: Client, needsKnownId: boolean, reply: (answer: JoinAnswer) => void): void {
    const { memberId, instanceId, protocolType } = request;
    if (
      this.#members.size > 0 &&
      (protocolType !== this.protocolType || commonProtocol([...this.members, request]) === null)
    )
      return reply(refusedJoin(INCONSISTENT_GROUP_PROTOCOL, memberId));
    if (memberId === '') return this.#joinNew(request, client, needsKnownId, reply);
    if (this.#expected.take(memberId)) {
      return this.#add(new Member(memberId, instanceId, client, request), protocolType, reply);
    }
    const fault = this.#members.fault(memberId, instanceId);
    if (fault !== NO_ERROR) return reply(refusedJoin(fault, memberId));
    this.#rejoin(this.#members.get(memberId)!, request, reply);
  }

  sync(
    { memberId, instanceId, generation }: MemberOfGeneration,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
    reply: (answer: SyncAnswer) => void,
  ): void {
    const fault = this.#fault({ memberId, instanceId, generation });
    if (fault !== NO_ERROR) return reply(refusedSync(fault));
    const member = this.#members.get(memberId)!;
    if (this.phase === 'PreparingRebalance') return reply(refusedSync(REBALANCE_IN_PROGRESS));
    if (this.phase === 'Stable') {
      this.#renew(member);
      return reply({ throttleMs: 0, errorCode: NO_ERROR, assignment: member.assignment });
    }
    member.onSync = reply;
    if (memberId === this.#leader) this.#assign(assignments);
  }

  heartbeat(from: MemberOfGeneration): number {
    const fault = this.#fault(from);
    if (fault !== NO_ERROR) return fault;
    this.#renew(this.#members.get(from.memberId)!);
    return this.phase === 'PreparingRebalance' ? REBALANCE_IN_PROGRESS : NO_ERROR;
  }

  leave(memberId: string, instanceId: string | null): number {
    if (this.#expected.take(memberId)) {
      this.#checkRebalance();
      return NO_ERROR;
    }
    const id = memberId === '' && instanceId !== null ? (this.#members.idOf(instanceId) ?? '') : memberId;
    const fault = this.#members.fault(id, instanceId);
    if (fault === NO_ERROR) this.#remove(this.#members.get(id)!);
    return fault;
  }

  /** Whether a member may commit offsets. @returns an error code */
  commitFault(from: MemberOfGeneration): number {
    if (from.generation < 0 && from.memberId === '' && this.phase === 'Empty') return NO_ERROR;
    const fault = this.#fault(from);
    if (fault !== NO_ERROR) return fault;
    this.#renew(this.#members.get(from.memberId)!);
    return this.phase === 'CompletingRebalance' ? REBALANCE_IN_PROGRESS : NO_ERROR;
  }

  restore({ generation, protocolType, protocol, leader, members }: StoredGroup): void {
    this.generation = generation;
    this.protocolType = protocolType;
    this.protocol = protocol;
    this.#leader = leader;
    for (const stored of members) this.#members.add(Member.restored(stored));
    for (const member of this.#members.all) this.#renew(member);
    this.phase = members.length === 0 ? 'Empty' : 'Stable';
  }

  /** The group has another coordinator now. */
  stop(): void {
    this.#cancelRebalance();
    this.#expected.stop();
    for (const member of this.#members.all) {
      member.cancelSession();
      member.onJoin?.(refusedJoin(NOT_COORDINATOR, member.memberId));
      member.onSync?.(refusedSync(NOT_COORDINATOR));
      member.onJoin = member.onSync = null;
    }
  }

  #joinNew(request: JoinRequest, client: Client, needsKnownId: boolean, reply: (answer: JoinAnswer) => void): void {
    const { instanceId, protocolType, sessionTimeoutMs } = request;
    const memberId = this.host.newMemberId(client, instanceId);
    const formerId = instanceId === null ? undefined : this.#members.idOf(instanceId);
    if (formerId !== undefined) return this.#replace(formerId, memberId, request, client, reply);
    if (instanceId === null && needsKnownId) {
      this.#expected.add(memberId, sessionTimeoutMs, () => this.#checkRebalance());
      return reply(refusedJoin(MEMBER_ID_REQUIRED, memberId));
    }
    this.#add(new Member(memberId, instanceId, client, request), protocolType, reply);
  }

  /** A static member has started again: it gets a new id, and its former process is fenced (KIP-345). */
  #replace(
    formerId: string,
    memberId: string,
    request: JoinRequest,
    client: Client,
    reply: (answer: JoinAnswer) => void,
  ): void {
    const former = this.#members.get(formerId)!;
    former.cancelSession();
    former.onJoin?.(refusedJoin(FENCED_INSTANCE_ID, formerId));
    former.onSync?.(refusedSync(FENCED_INSTANCE_ID));
    this.#members.delete(formerId);
    const member = new Member(memberId, request.instanceId, client, request);
    member.assignment = former.assignment;
    this.#members.add(member);
    const formerLeader = this.#leader;
    if (formerLeader === formerId) this.#leader = memberId;
    this.#renew(member);
    if (this.phase !== 'Stable' || !former.hasSameProtocols(request.protocols)) {
      member.onJoin = reply;
      return this.#prepareRebalance();
    }
    // Versions up to 8 cannot tell the leader to skip its assignment. So it is told the former leader, and only syncs.
    const answer = { ...this.#joined(member), leader: formerLeader, members: [] };
    this.host.store(this.#stored(), () => reply(answer));
  }

  #rejoin(member: Member, request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const isSame = member.hasSameProtocols(request.protocols);
    const isLeader = member.memberId === this.#leader;
    const keeps = this.phase === 'CompletingRebalance' ? isSame : this.phase === 'Stable' && isSame && !isLeader;
    member.protocols = request.protocols;
    if (keeps) {
      this.#renew(member);
      return reply(this.#joined(member));
    }
    member.onJoin?.(refusedJoin(UNKNOWN_MEMBER_ID, member.memberId));
    member.onJoin = reply;
    this.#prepareRebalance();
  }

  #add(member: Member, protocolType: string, reply: (answer: JoinAnswer) => void): void {
    if (this.#members.size === 0) this.protocolType = protocolType;
    this.#members.add(member);
    member.onJoin = reply;
    this.#prepareRebalance();
  }

  #remove(member: Member): void {
    member.cancelSession();
    this.#members.delete(member.memberId);
    member.onJoin?.(refusedJoin(UNKNOWN_MEMBER_ID, member.memberId));
    member.onSync?.(refusedSync(UNKNOWN_MEMBER_ID));
    if (member.memberId === this.#leader) this.#leader = this.members[0]?.memberId ?? '';
    this.#prepareRebalance();
  }

  #prepareRebalance(): void {
    if (this.phase !== 'PreparingRebalance') {
      this.#members.dropAssignments();
      const isFirst = this.phase === 'Empty';
      this.phase = 'PreparingRebalance';
      this.#cancelRebalance();
      this.#isDelayed = isFirst && this.host.initialDelayMs > 0;
      const wait = this.#isDelayed ? this.host.initialDelayMs : this.#members.longestRebalanceMs;
      this.#cancelRebalance = this.host.time.after(wait, () => this.#completeJoin());
    }
    const isComplete = this.#expected.size === 0 && this.members.every(({ onJoin }) => onJoin !== null);
    if (isComplete && !this.#isDelayed) this.#completeJoin();
  }

  #completeJoin(): void {
    this.#cancelRebalance();
    this.#isDelayed = false;
    this.#members.removeAbsent();
    this.generation++;
    if (this.#members.size === 0) {
      this.phase = 'Empty';
      this.protocol = this.#leader = '';
      return this.host.store(this.#stored(), () => undefined);
    }
    this.protocol = commonProtocol(this.members) ?? '';
    const joined = this.members.filter(({ onJoin }) => onJoin !== null);
    if (!joined.some(({ memberId }) => memberId === this.#leader))
      this.#leader = (joined[0] ?? this.members[0]!).memberId;
    this.phase = 'CompletingRebalance';
    this.#cancelRebalance = this.host.time.after(this.#members.longestRebalanceMs, () => this.#removeUnsynced());
    for (const member of this.members) {
      const { onJoin } = member;
      member.onJoin = null;
      this.#renew(member);
      onJoin?.(this.#joined(member));
    }
  }

  #removeUnsynced(): void {
    if (this.phase !== 'CompletingRebalance') return;
    for (const member of this.members) if (member.onSync === null) this.#remove(member);
  }

  #assign(assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]): void {
    const { generation } = this;
    const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
    for (const member of this.members) member.assignment = given.get(member.memberId) ?? Buffer.alloc(0);
    this.host.store(this.#stored(), (errorCode) => {
      if (this.phase !== 'CompletingRebalance' || this.generation !== generation) return;
      if (errorCode === NO_ERROR) this.phase = 'Stable';
      this.#cancelRebalance();
      for (const member of this.members) {
        const { onSync } = member;
        member.onSync = null;
        this.#renew(member);
        onSync?.({ throttleMs: 0, errorCode, assignment: member.assignment });
      }
      if (errorCode !== NO_ERROR) this.#prepareRebalance();
    });
  }

  /** Only the leader learns the members. */
  #joined({ memberId }: Member): JoinAnswer {
    const { generation, protocol } = this;
    const members = memberId === this.#leader ? this.#members.withMetadata(protocol) : [];
    return { throttleMs: 0, errorCode: NO_ERROR, generation, protocol, leader: this.#leader, memberId, members };
  }

  #fault({ memberId, instanceId, generation }: MemberOfGeneration): number {
    const fault = this.#members.fault(memberId, instanceId);
    if (fault !== NO_ERROR) return fault;
    return generation === this.generation ? NO_ERROR : ILLEGAL_GENERATION;
  }

  /** A rebalance may have waited only for a member that does not come. */
  #checkRebalance(): void {
    if (this.phase === 'PreparingRebalance') this.#prepareRebalance();
  }

  /** Begins the session of a member again. A member that waits for a rebalance has no session that could end. */
  #renew(member: Member): void {
    member.cancelSession();
    member.cancelSession = this.host.time.after(member.sessionTimeoutMs, () => {
      if (member.onJoin !== null || this.#members.get(member.memberId) !== member) return;
      this.#remove(member);
    });
  }

  #stored(): StoredGroup {
    const { generation, protocolType, protocol } = this;
    return { generation, protocolType, protocol, leader: this.#leader, members: this.#members.stored() };
  }
}
