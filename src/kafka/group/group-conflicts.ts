/**
 * Finds members that this instance must not share a group with: they have other deciding settings, or are not
 * instances.
 */
import { SETTINGS } from '../../settings.js';
import { Backoff } from '../../lib/backoff.js';
import { foreignText } from '../../lib/foreign-text.js';
import { noAnswerIfOutage } from '../../lib/own-fault.js';
import { retryUntil } from '../../lib/retry-until.js';
import { describeDifferences, differencesOf } from '../../lib/map-differences.js';
import { BrokerConnections } from '../connection/broker-connections.js';
import type { AskedCluster } from '../connection/cluster-view.js';
import { firstConsumerIn } from '../protocol/describe-consumer-group.js';
import { describeAssignedGroup, type DescribedGroup } from '../protocol/describe-group.js';
import { Coordinator } from '../connection/coordinator.js';
import { isWorthRetrying } from '../protocol/protocol-errors.js';
import { describedRead } from './members-read.js';
import { ASSIGNMENT_PROTOCOL, hasPartitions, readSubscription, type MemberSubscription } from './member-messages.js';

/** The settings on which the instances of a group must agree. */
export interface GroupTerms {
  /** The input topic. */
  readonly topic: string;
  readonly settings: ReadonlyMap<string, string>;
}

/**
 * A rebalance takes less time than this, unless it waits for a dead member. Giving up is safe: the group's leader
 * compares settings too.
 */
const REBALANCE_TIMEOUT_MS = 1_500;
const REQUEST_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 250;
const MAX_NAMED_TOPICS = 5;
/** Kafka's own limit. */
const MAX_TOPIC_CHARACTERS = 249;

/**
 * Describes the settings in which a member differs from this instance; null if it may share the partitions. Compares
 * only settings that both send: a member of an older release sends only its topics.
 *
 * @param there how the text names the member
 */
export function settingsConflict(
  terms: GroupTerms,
  { info, topics }: MemberSubscription,
  there: string,
): string | null {
  if (info === null) return null;
  const differences = differencesOf(terms.settings, info.settings);
  const { env: name } = SETTINGS.topicSyncEvents;
  if (topics.length > 0 && !topics.includes(terms.topic) && !differences.some((difference) => difference.name === name))
    differences.push({ name, own: terms.topic, other: namesOf(topics) });
  return differences.length === 0 ? null : describeDifferences(differences, there);
}

/**
 * Describes the first conflict with a member that runs partitions; null without a conflict. Skips an idle member: it
 * may be idle because its own settings are wrong.
 *
 * @param group must not be in a rebalance: only then does the coordinator describe its members
 * @param ignored the id under which this instance is or was a member
 */
export function conflictIn(group: DescribedGroup, terms: GroupTerms, ignored: string | null): string | null {
  const members = group.members.filter(({ memberId }) => memberId !== ignored);
  const [first] = members;
  if (first === undefined) return null;
  if (group.protocol !== ASSIGNMENT_PROTOCOL) return foreignMember(first, readSubscription(first.memberMetadata));
  // A member that is not read gets no partitions from the group's leader, which reads no more.
  for (const member of describedRead(members)) {
    if (!hasPartitions(member.memberAssignment)) continue;
    const read = readSubscription(member.memberMetadata);
    const conflict =
      read.beyondLimit === null
        ? settingsConflict(terms, read, `on ${nameOf(member, read)}`)
        : foreignMember(member, read);
    if (conflict !== null) return conflict;
  }
  return null;
}

type DescribedMember = DescribedGroup['members'][number];

function foreignMember(member: DescribedMember, read: MemberSubscription): string {
  return `${FOREIGN}: ${nameOf(member, read)}${read.beyondLimit === null ? reading(read.topics) : `: ${read.beyondLimit}`}`;
}

function nameOf({ memberId, clientId, clientHost }: DescribedMember, { info }: MemberSubscription): string {
  const address = info?.httpAddress ?? null;
  const where = address === null ? '' : `, ${foreignText(address)}`;
  return `member ${foreignText(memberId)} (client id ${foreignText(clientId)}, host ${foreignText(clientHost)}${where})`;
}

const FOREIGN = 'it has a member that is not an instance of company-sync';

function reading(topics: readonly string[]): string {
  return topics.length === 0 ? '' : `, which reads ${namesOf(topics)}`;
}

/** A member may subscribe to anything: only the first topics are named. */
function namesOf(topics: readonly string[]): string {
  const named = topics.slice(0, MAX_NAMED_TOPICS).map((topic) => topic.slice(0, MAX_TOPIC_CHARACTERS));
  const others = topics.length - named.length;
  return `${named.join(', ')}${others > 0 ? ` and ${others} others` : ''}`;
}

/**
 * Describes a foreign consumer in a group that looks empty in DescribeGroups; null if the group has no such consumer.
 */
async function foreignConsumer(coordinator: Coordinator, groupId: string): Promise<string | null> {
  const consumer = await coordinator.ask((broker) => firstConsumerIn(broker, groupId)).catch(noAnswerIfOutage);
  if (consumer === null) return null;
  const { memberId, clientId, clientHost, topics } = consumer;
  const described = `member ${foreignText(memberId)} (client id ${foreignText(clientId)}, host ${foreignText(clientHost)})`;
  return `${FOREIGN}: ${described}${reading(topics)}`;
}

/**
 * Finds out why this instance must not take part in the group. Null if it finds no reason within a short time: an
 * instance may join although the group has not answered.
 *
 * @param ignored the id under which this instance is or was a member
 */
export async function findGroupConflict(
  { kafka, view, clock }: AskedCluster,
  groupId: string,
  terms: GroupTerms,
  ignored: string | null,
): Promise<string | null> {
  const connections = new BrokerConnections({ ...kafka, requestTimeout: REQUEST_TIMEOUT_MS }, clock);
  const coordinator = Coordinator.ofGroup(groupId, connections, view);
  const pause = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  const retrying = { clock, patienceMs: REBALANCE_TIMEOUT_MS, pause, mayHelp: isWorthRetrying };
  try {
    const describe = (): Promise<DescribedGroup> => describeAssignedGroup(coordinator, groupId);
    const group = await retryUntil(retrying, describe).catch(noAnswerIfOutage);
    if (group?.members.length === 0) return await foreignConsumer(coordinator, groupId);
    return group === null ? null : conflictIn(group, terms, ignored);
  } finally {
    await connections.close();
  }
}
