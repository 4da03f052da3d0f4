/** A member of a group, and the answers that it waits for. */
export interface Protocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface JoinAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly generation: number;
  readonly protocol: string;
  readonly leader: string;
  readonly memberId: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly metadata: Buffer;
  }[];
}

export interface SyncAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly assignment: Buffer;
}

export interface JoinRequest {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Empty for a new member. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
}

/** Where a member's requests come from. */
export interface Client {
  readonly clientId: string;
  readonly clientHost: string;
}

/** What the coordinator writes of a member to its log. */
export interface StoredMember extends Client {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly { readonly name: string; readonly metadata: string }[];
  readonly assignment: string;
}

export class Member {
  assignment: Buffer = Buffer.alloc(0);
  /** Set while the member waits for the end of a rebalance. */
  onJoin: ((answer: JoinAnswer) => void) | null = null;
  /** Set while the member waits for the leader's assignment. */
  onSync: ((answer: SyncAnswer) => void) | null = null;
  cancelSession: () => void = () => undefined;
  protocols: readonly Protocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;

  constructor(
    readonly memberId: string,
    readonly instanceId: string | null,
    readonly client: Client,
    request: Pick<JoinRequest, 'protocols' | 'sessionTimeoutMs' | 'rebalanceTimeoutMs'>,
  ) {
    this.protocols = request.protocols;
    this.sessionTimeoutMs = request.sessionTimeoutMs;
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  }

  static restored(stored: StoredMember): Member {
    const protocols = stored.protocols.map(({ name, metadata }) => ({
      name,
      metadata: Buffer.from(metadata, 'base64'),
    }));
    const { memberId, instanceId, clientId, clientHost } = stored;
    const member = new Member(memberId, instanceId, { clientId, clientHost }, { ...stored, protocols });
    member.assignment = Buffer.from(stored.assignment, 'base64');
    return member;
  }

  stored(): StoredMember {
    return {
      ...this.client,
      memberId: this.memberId,
      instanceId: this.instanceId,
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: this.rebalanceTimeoutMs,
      protocols: this.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.toString('base64') })),
      assignment: this.assignment.toString('base64'),
    };
  }

  metadataFor(protocol: string): Buffer {
    return this.protocols.find(({ name }) => name === protocol)?.metadata ?? Buffer.alloc(0);
  }

  hasSameProtocols(others: readonly Protocol[]): boolean {
    const isSame = ({ name, metadata }: Protocol, i: number): boolean =>
      others[i]?.name === name && others[i].metadata.equals(metadata);
    return others.length === this.protocols.length && this.protocols.every(isSame);
  }
}

/** The first protocol of the first member that all members know. */
export function commonProtocol(members: readonly { readonly protocols: readonly Protocol[] }[]): string | null {
  const isKnownToAll = (name: string): boolean =>
    members.every(({ protocols }) => protocols.some((protocol) => protocol.name === name));
  return members[0]?.protocols.find(({ name }) => isKnownToAll(name))?.name ?? null;
}

export function refusedJoin(errorCode: number, memberId: string): JoinAnswer {
  return { throttleMs: 0, errorCode, generation: -1, protocol: '', leader: '', memberId, members: [] };
}

export function refusedSync(errorCode: number): SyncAnswer {
  return { throttleMs: 0, errorCode, assignment: Buffer.alloc(0) };
}
