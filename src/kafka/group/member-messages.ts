/**
 * The messages between the members of the group and their leader. A member's subscription has in its user data:
 *
 *     version (a byte), HTTP address (text), number of standbys wanted, member id (text),
 *     number of partitions, partitions..., number of states on its disk, (partition, changelog position)...,
 *     number of deciding settings, (name, value)..., topic id of the changelog (text)
 *
 * Numbers are varints. A partition is written as the difference to the previous partition. A later release may append
 * fields, which this release ignores. The version changes only if the fields above change. The settings and the topic
 * id were appended: members of older releases do not send them.
 *
 * The leader gives a member its partitions, as in every consumer group. Its standbys are in the assignment's user data:
 *
 *     version (a byte), number of standbys, partitions (varints)
 */
import { AssignerProtocol } from 'kafkajs';
import { instanceAddress } from '../../lib/instance-address.js';
import { ByteReader, MalformedBytesError } from '../../lib/byte-reader.js';
import { ByteWriter } from '../../lib/byte-writer.js';
import type { Assignment } from '../../pipeline/assign-partitions.js';

/** The name of our assignor in the group. All members must know it. */
export const ASSIGNMENT_PROTOCOL = 'company-sync';

export interface MemberInfo {
  /**
   * The URL (scheme, host, port) at which other instances reach this member over HTTP. Null if it is not reachable, or
   * advertises none.
   */
  readonly httpAddress: string | null;
  /** NUM_STANDBY as this member is configured. */
  readonly numStandby: number;
  /**
   * The member id under which it got `partitions`; null before it got any. If it has another id now, it may have lost
   * them.
   */
  readonly memberId: string | null;
  /** The partitions that it runs. */
  readonly partitions: readonly number[];
  /** Partition -> changelog position of the state on its disk, also for partitions that it does not run. */
  readonly statePositions: ReadonlyMap<number, number>;
  /** Its deciding settings (deciding-settings.ts), for comparison; empty if its release does not send them. */
  readonly settings: ReadonlyMap<string, string>;
  /** The topic id of the changelog that `statePositions` refers to; null if it is unknown. */
  readonly changelogId: string | null;
}

/** What a member says about itself when it joins. */
export interface MemberSubscription {
  /** The topics that it subscribes to, even if it is not an instance; none if the bytes are not a subscription. */
  readonly topics: readonly string[];
  /** Null as for `decodeMemberInfo`. */
  readonly info: MemberInfo | null;
  /** Why nothing of it was read: it exceeds a limit, so it is not an instance. Null if it was read. */
  readonly beyondLimit: string | null;
}

const { MemberAssignment } = AssignerProtocol;
const INFO_VERSION = 1;
const ASSIGNMENT_VERSION = 1;
/** Kafka's own limit: an int32. */
const MAX_PARTITION = 2 ** 31 - 1;
/** More settings are refused. An instance compares seven settings, and the longest has 256 characters. */
const MAX_SETTINGS = 32;
const MAX_TEXT_BYTES = 1_024;
/**
 * Partitions and states that one member may name. The group's leader reads the claims of all members at each
 * rebalance.
 */
export const MAX_CLAIMS = 10_000;
/**
 * The most bytes that are read of what a member sends, and of what the leader sends to it. An instance at the limits
 * below sends a fifth of this.
 */
export const MAX_MEMBER_BYTES = 1_024 * 1_024;
/** An instance subscribes to one topic. Each name costs time, so a message with more topics is not read. */
export const MAX_MEMBER_TOPICS = 1_000;
/** Subscriptions and assignments begin with their version (an int16) and the number of their topics (an int32). */
const TOPIC_COUNT_AT = 2;
const TOPIC_COUNT_END = TOPIC_COUNT_AT + 4;
/** A name begins with its length. */
const MIN_TOPIC_BYTES = 2;
/** Above the largest NUM_STANDBY. */
const MAX_STANDBYS = 100;

export function encodeMemberInfo(info: MemberInfo): Buffer {
  const { httpAddress, numStandby, memberId, partitions, statePositions, settings, changelogId } = info;
  const to = new ByteWriter();
  to.begin();
  to.byte(INFO_VERSION);
  to.text(httpAddress ?? '');
  to.varint(numStandby);
  to.text(memberId ?? '');
  let last = 0;
  to.varint(partitions.length);
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    to.varint(partition - last);
    last = partition;
  }
  last = 0;
  to.varint(statePositions.size);
  for (const [partition, position] of [...statePositions].sort(([a], [b]) => a - b)) {
    to.varint(partition - last);
    to.varint(position);
    last = partition;
  }
  to.varint(settings.size);
  for (const [name, value] of settings) {
    to.text(name);
    to.text(value);
  }
  to.text(changelogId ?? '');
  return to.end();
}

/** Decodes a member info. Null if this release cannot read it: another version, or not written by an instance. */
export function decodeMemberInfo(userData: Buffer): MemberInfo | null {
  if (userData[0] !== INFO_VERSION) return null;
  try {
    return decodeFields(new ByteReader(userData.subarray(1), 'member info'));
  } catch (error) {
    if (error instanceof MalformedBytesError) return null;
    throw error;
  }
}

/** Reads what a member sends when it joins. Costs a few milliseconds at most, whatever the bytes are. */
export function readSubscription(metadata: Buffer): MemberSubscription {
  if (isTooLong(metadata))
    return beyond(`it sends ${metadata.length} bytes about itself, and at most ${MAX_MEMBER_BYTES} are read`);
  const topics = topicCount(metadata);
  if (topics > MAX_MEMBER_TOPICS) {
    const areTopics = topics * MIN_TOPIC_BYTES <= metadata.length;
    // Without the bytes for their names, the count is not one of topics: the bytes are not a subscription.
    if (!areTopics) return NO_SUBSCRIPTION;
    return beyond(`it subscribes to ${topics} topics, and at most ${MAX_MEMBER_TOPICS} are read`);
  }
  const subscription = subscriptionOf(metadata);
  if (subscription === null) return NO_SUBSCRIPTION;
  const { userData } = subscription;
  return {
    // A member may send null for a name.
    topics: (subscription.topics as readonly (string | null)[]).filter((topic) => topic !== null),
    info: userData == null ? null : decodeMemberInfo(userData),
    beyondLimit: null,
  };
}

/** Whether `readSubscription` reads nothing of it, whatever it is. */
export function isTooLong(metadata: Buffer): boolean {
  return metadata.length > MAX_MEMBER_BYTES;
}

/** What counts for a member that cannot be read, or is not read. */
export const NO_SUBSCRIPTION: MemberSubscription = { topics: [], info: null, beyondLimit: null };

function topicCount(message: Buffer): number {
  return message.length < TOPIC_COUNT_END ? 0 : message.readInt32BE(TOPIC_COUNT_AT);
}

function beyond(beyondLimit: string): MemberSubscription {
  return { topics: [], info: null, beyondLimit };
}

function subscriptionOf(metadata: Buffer) {
  try {
    return AssignerProtocol.MemberMetadata.decode(metadata);
  } catch {
    return null; // For bytes that are not a subscription kafkajs throws RangeErrors, and nothing else.
  }
}

function decodeFields(from: ByteReader): MemberInfo {
  const httpAddress = shortText(from);
  const numStandby = Math.min(from.varint(), MAX_STANDBYS);
  const memberId = shortText(from);
  const partitions: number[] = [];
  for (let left = claims(from), last = 0; left > 0; left--) partitions.push((last = partitionAfter(last, from)));
  const statePositions = new Map<number, number>();
  for (let left = claims(from), last = 0; left > 0; left--)
    statePositions.set((last = partitionAfter(last, from)), from.varint());
  const settings = from.atEnd ? new Map<string, string>() : decodeSettings(from);
  const changelogId = from.atEnd ? null : orNull(shortText(from));
  const member = { httpAddress: instanceAddress(httpAddress), numStandby, memberId: orNull(memberId) };
  return { ...member, partitions, statePositions, settings, changelogId };
}

function claims(from: ByteReader): number {
  const count = from.count();
  if (count > MAX_CLAIMS) throw from.malformed(`${count} claims`);
  return count;
}

function decodeSettings(from: ByteReader): Map<string, string> {
  const count = from.varint();
  if (count > MAX_SETTINGS) throw from.malformed(`${count} settings`);
  return new Map(Array.from({ length: count }, () => [shortText(from), shortText(from)]));
}

function shortText(from: ByteReader): string {
  const length = from.varint();
  if (length > MAX_TEXT_BYTES) throw from.malformed(`a text of ${length} bytes`);
  return from.slice(length).toString();
}

function partitionAfter(last: number, from: ByteReader): number {
  const partition = last + from.varint();
  if (partition > MAX_PARTITION) throw from.malformed(`a partition ${partition}`);
  return partition;
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}

export function encodeAssignment(topic: string, { active, standby }: Assignment): Buffer {
  const userData = new ByteWriter();
  userData.begin();
  userData.byte(ASSIGNMENT_VERSION);
  userData.varint(standby.length);
  for (const partition of standby) userData.varint(partition);
  return MemberAssignment.encode({ version: 0, assignment: { [topic]: [...active] }, userData: userData.end() });
}

/** Empty if a leader of another release has written them in a way that this release cannot read. */
export function standbysIn(assignment: Buffer): number[] {
  const userData = assignmentOf(assignment)?.userData;
  if (userData?.[0] !== ASSIGNMENT_VERSION) return [];
  try {
    const from = new ByteReader(userData.subarray(1), 'standbys');
    return Array.from({ length: from.count() }, () => partitionIn(from));
  } catch (error) {
    if (error instanceof MalformedBytesError) return [];
    throw error;
  }
}

/** Keeps the partitions that the input has, each once. A group leader may send any numbers, and millions of them. */
export function existingOf(partitions: readonly number[], count: number): number[] {
  return [...new Set(partitions)].filter((partition) => partition >= 0 && partition < count);
}

/** The partitions of a topic in an assignment; none if the bytes are not an assignment. */
export function partitionsIn(assignment: Buffer, topic: string): readonly number[] {
  return assignmentOf(assignment)?.assignment[topic] ?? [];
}

/** Whether a member has any partition of any topic. */
export function hasPartitions(assignment: Buffer): boolean {
  const topics = assignmentOf(assignment)?.assignment ?? {};
  return Object.values(topics).some((partitions) => partitions.length > 0);
}

/**
 * An assignment that kafkajs's consumer can take at little cost: it has the partitions of one topic, each once. kafkajs
 * has no limit, and its work grows with the square of the topics: 1 MiB of topics would block the thread.
 */
export function onlyTopic(assignment: Buffer, topic: string): Buffer {
  const partitions = [...new Set(partitionsIn(assignment, topic))];
  return MemberAssignment.encode({ version: 0, assignment: { [topic]: partitions }, userData: Buffer.alloc(0) });
}

/** Null if the bytes are not an assignment, or are more than an instance can send as the leader. */
function assignmentOf(assignment: Buffer): ReturnType<typeof MemberAssignment.decode> {
  if (assignment.length > MAX_MEMBER_BYTES || topicCount(assignment) > MAX_MEMBER_TOPICS) return null;
  try {
    return MemberAssignment.decode(assignment);
  } catch {
    return null; // For such bytes kafkajs throws RangeErrors, and nothing else.
  }
}

function partitionIn(from: ByteReader): number {
  const partition = from.varint();
  if (partition > MAX_PARTITION) throw from.malformed(`a partition ${partition}`);
  return partition;
}
