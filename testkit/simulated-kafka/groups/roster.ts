/** The members of a group. A static member is also known by its instance id (KIP-345). */
import { FENCED_INSTANCE_ID, NO_ERROR, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID } from '../error-codes.js';
import { refusedSync, type JoinAnswer, type Member, type StoredMember } from './member.js';

export class Roster {
  readonly #members = new Map<string, Member>();

  get all(): readonly Member[] {
    return [...this.#members.values()];
  }

  get size(): number {
    return this.#members.size;
  }

  get(memberId: string): Member | undefined {
    return this.#members.get(memberId);
  }

  add(member: Member): void {
    this.#members.set(member.memberId, member);
  }

  delete(memberId: string): void {
    this.#members.delete(memberId);
  }

  idOf(instanceId: string): string | undefined {
    return this.all.find((member) => member.instanceId === instanceId)?.memberId;
  }

  /** @returns an error code */
  fault(memberId: string, instanceId: string | null): number {
    const current = instanceId === null ? undefined : this.idOf(instanceId);
    if (current !== undefined && current !== memberId) return FENCED_INSTANCE_ID;
    return this.#members.has(memberId) ? NO_ERROR : UNKNOWN_MEMBER_ID;
  }

  get longestRebalanceMs(): number {
    return Math.max(0, ...this.all.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
  }

  /** A rebalance begins. */
  dropAssignments(): void {
    for (const member of this.all) {
      member.onSync?.(refusedSync(REBALANCE_IN_PROGRESS));
      member.onSync = null;
      member.assignment = Buffer.alloc(0);
    }
  }

  /** Removes the members that have not joined again. Static members stay until their sessions end. */
  removeAbsent(): void {
    for (const member of this.all)
      if (member.onJoin === null && member.instanceId === null) {
        member.cancelSession();
        this.delete(member.memberId);
      }
  }

  /** What the leader learns of the members. */
  withMetadata(protocol: string): JoinAnswer['members'] {
    return this.all.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      metadata: member.metadataFor(protocol),
    }));
  }

  stored(): StoredMember[] {
    return this.all.map((member) => member.stored());
  }
}
