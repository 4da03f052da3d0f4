/**
 * What the leader gives a member: its partitions, as every consumer group does, and in the user data its standbys:
 * version (a byte), number of standbys, partitions (varints).
 */
import { AssignerProtocol } from 'kafkajs';
import type { Assignment } from '../../pipeline/assign-partitions.js';
import { ByteReader, MalformedBytesError } from '../../lib/byte-reader.js';
import { ByteWriter } from '../../lib/byte-writer.js';

const { MemberAssignment } = AssignerProtocol;
const VERSION = 1;
/** Kafka's own: an int32. */
export const MAX_PARTITION = 2 ** 31 - 1;

export function encodeAssignment(topic: string, { active, standby }: Assignment): Buffer {
  const userData = new ByteWriter();
  userData.begin();
  userData.byte(VERSION);
  userData.varint(standby.length);
  for (const partition of standby) userData.varint(partition);
  return MemberAssignment.encode({ version: 0, assignment: { [topic]: [...active] }, userData: userData.end() });
}

/** None where another release's leader gave them in a way that this one cannot read. */
export function standbysIn(assignment: Buffer): number[] {
  const userData = decoded(assignment)?.userData;
  if (userData?.[0] !== VERSION) return [];
  try {
    const from = new ByteReader(userData.subarray(1), 'standbys');
    return Array.from({ length: from.count() }, () => partitionIn(from));
  } catch (error) {
    if (error instanceof MalformedBytesError) return [];
    throw error;
  }
}

/** The partitions that the input has, each once. The leader of the group may give a member any numbers, and millions of them. */
export function existingOf(partitions: readonly number[], count: number): number[] {
  return [...new Set(partitions)].filter((partition) => partition >= 0 && partition < count);
}

/** Whether a member was given any partition, of whatever topic. */
export function hasPartitions(assignment: Buffer): boolean {
  const topics = decoded(assignment)?.assignment ?? {};
  return Object.values(topics).some((partitions) => partitions.length > 0);
}

/** Null for bytes that are not an assignment. */
function decoded(assignment: Buffer): ReturnType<typeof MemberAssignment.decode> {
  try {
    return MemberAssignment.decode(assignment);
  } catch {
    return null; // kafkajs throws RangeErrors for them, and nothing else.
  }
}

function partitionIn(from: ByteReader): number {
  const partition = from.varint();
  if (partition > MAX_PARTITION) throw from.malformed(`a partition ${partition}`);
  return partition;
}
