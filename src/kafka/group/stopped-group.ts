/** Reads and changes the consumer group while no instance runs. Only an operator's commands use it. */
import type { Clock } from '../../lib/clock.js';
import { foreignText } from '../../lib/foreign-text.js';
import { reasonOf } from '../../lib/reason-of.js';
import { BrokerError } from '../../pipeline/errors.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { ConnectedBroker } from '../protocol/protocol-call.js';
import type { KafkaConfig } from '../connection/cluster.js';
import { ClusterView } from '../connection/cluster-view.js';
import { describeGroup, type DescribedGroup } from '../protocol/describe-group.js';
import { Coordinator } from '../connection/coordinator.js';
import { readSubscription, type MemberInfo } from './member-messages.js';
import { describedRead } from './members-read.js';
import { deleteOffsets } from '../protocol/offset-delete.js';
import { ERROR_CODES, isProtocolError, NO_ERROR, refusal } from '../protocol/protocol-errors.js';
import { untilReady } from '../connection/until-ready.js';

/** kafkajs's own encoding of OffsetCommit. An error code in the answer becomes a rejection. */
interface CommittingBroker extends ConnectedBroker {
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata?: string }[];
    }[];
  }): Promise<unknown>;
}

/** The coordinator accepts an offset commit from a non-member only while the group is empty. */
const NO_GENERATION = -1;
const NO_MEMBER = '';

/** Tells an operator to stop the members of the group first. */
export function stopFirst(groupId: string, members: readonly string[]): string {
  return (
    `group ${groupId} has ${members.length === 1 ? '1 member' : `${members.length} members`}: stop all instances first ` +
    `(one that was killed leaves the group after 10 s): ${members.slice(0, MAX_NAMED_MEMBERS).join(', ')}${others(members)}`
  );
}

function others({ length }: readonly string[]): string {
  return length > MAX_NAMED_MEMBERS ? ` and ${length - MAX_NAMED_MEMBERS} others` : '';
}

const MAX_NAMED_MEMBERS = 100;

export class StoppedGroup {
  readonly #connections: BrokerConnections;
  readonly #cluster: ClusterView;
  readonly #coordinator: Coordinator;

  constructor(
    kafka: KafkaConfig,
    private readonly groupId: string,
    private readonly clock: Clock,
  ) {
    this.#connections = new BrokerConnections(kafka, clock);
    this.#cluster = new ClusterView(kafka, clock);
    this.#coordinator = Coordinator.ofGroup(groupId, this.#connections, this.#cluster);
  }

  /** Each member, described so that an operator can find it; empty while no instance runs. @throws BrokerError */
  async members(): Promise<string[]> {
    const describe = () => describeGroup(this.#coordinator, this.groupId);
    return membersNamed((await this.#untilReady('DescribeGroups', describe)).members);
  }

  /**
   * Sets all of the offsets or none: one request is one batch in the coordinator's log.
   * @param metadata the texts to store with some of the offsets, by partition
   * @throws BrokerError if the brokers refuse, for example because the group has members
   */
  async setOffsets(
    topic: string,
    offsets: ReadonlyMap<number, number>,
    metadata: ReadonlyMap<number, string> = new Map(),
  ): Promise<void> {
    const partitions = [...offsets].map(([partition, offset]) => {
      const text = metadata.get(partition);
      return { partition, offset: String(offset), ...(text === undefined ? {} : { metadata: text }) };
    });
    const nonMember = { groupId: this.groupId, groupGenerationId: NO_GENERATION, memberId: NO_MEMBER };
    const request = { ...nonMember, topics: [{ topic, partitions }] };
    await this.#untilReady('OffsetCommit', () =>
      this.#coordinator.ask((broker) => (broker as CommittingBroker).offsetCommit(request)),
    );
  }

  /** Deletes the offsets. An offset that does not exist counts as deleted. @throws BrokerError as `setOffsets` */
  async deleteOffsets(topic: string, partitions: readonly number[]): Promise<void> {
    const call = deleteOffsets(this.groupId, topic, partitions);
    await untilReady(this.clock, 'OffsetDelete', async () => {
      const answer = await this.#coordinator.ask(({ connectionPool }) => connectionPool.send(call));
      if (answer.errorCode === ERROR_CODES.GROUP_ID_NOT_FOUND) return { ...answer, errorCode: NO_ERROR };
      if (answer.partition !== undefined) throw refusal(answer.errorCode, 'OffsetDelete', answer.partition);
      return answer;
    });
  }

  /** `untilReady` for requests whose error codes kafkajs turns into rejections. */
  async #untilReady<T>(request: string, ask: () => Promise<T>): Promise<T> {
    const { value } = await untilReady(this.clock, request, async () => {
      try {
        return { value: await ask(), errorCode: NO_ERROR, clientSideThrottleTime: 0 };
      } catch (error) {
        if (!isProtocolError(error) || error.retriable) throw error;
        throw new BrokerError(`${request} for group ${this.groupId} was refused: ${reasonOf(error)}`, { cause: error });
      }
    });
    return value;
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.close(), this.#cluster.close()]);
  }
}

/**
 * Names each member for an operator. Its HTTP address is unknown during a rebalance, and if the members send too much
 * together.
 */
export function membersNamed(members: DescribedGroup['members']): string[] {
  const read = describedRead(members);
  return members.map((member) =>
    nameOf(member, read.has(member) ? readSubscription(member.memberMetadata).info : null),
  );
}

function nameOf({ memberId, clientHost }: DescribedGroup['members'][number], info: MemberInfo | null): string {
  const address = info?.httpAddress ?? null;
  return `${foreignText(memberId)} on host ${foreignText(clientHost.replace(/^\//, ''))}${address === null ? '' : ` (${foreignText(address)})`}`;
}
