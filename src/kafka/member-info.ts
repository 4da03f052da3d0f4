/**
 * What a member of the group tells of itself at each join, in the user data of its subscription:
 *
 *     version (a byte), HTTP address (text), number of standbys wanted, member id (text),
 *     number of partitions, partitions..., number of states held, (partition, changelog position)...
 *
 * Numbers are varints; a partition is given as the distance from the one before. A later release may append fields,
 * which this one ignores; the version changes only when these here change.
 */
import { AssignerProtocol } from 'kafkajs';
import { ByteReader } from '../store/byte-reader.js';
import { ByteWriter } from '../store/byte-writer.js';
import { CorruptStoreError } from '../store/key-value-store.js';

export interface MemberInfo {
  /** Where its HTTP is reached from other instances; null where it is not. */
  readonly httpAddress: string | null;
  /** NUM_STANDBY as this member is configured. */
  readonly numStandby: number;
  /** The id under which it was given `partitions`; null before. With another one by now it may have lost them. */
  readonly memberId: string | null;
  /** The partitions that it has. */
  readonly partitions: readonly number[];
  /** Partition -> changelog position of the state on its disk, also of partitions that it does not have. */
  readonly held: ReadonlyMap<number, number>;
}

const VERSION = 1;
/** Kafka's own: an int32. */
const MAX_PARTITION = 2 ** 31 - 1;

export function encodeMemberInfo({ httpAddress, numStandby, memberId, partitions, held }: MemberInfo): Buffer {
  const to = new ByteWriter();
  to.begin();
  to.byte(VERSION);
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
  to.varint(held.size);
  for (const [partition, position] of [...held].sort(([a], [b]) => a - b)) {
    to.varint(partition - last);
    to.varint(position);
    last = partition;
  }
  return to.end();
}

/** Null for what this release cannot read: of another version, or not written by a member of ours. */
export function decodeMemberInfo(userData: Buffer): MemberInfo | null {
  if (userData[0] !== VERSION) return null;
  try {
    return decodeFields(new ByteReader(userData.subarray(1), 'member info'));
  } catch (error) {
    if (error instanceof CorruptStoreError) return null;
    throw error;
  }
}

/** Of a member's whole subscription. Null as for `decodeMemberInfo`. */
export function infoOfMember(metadata: Buffer): MemberInfo | null {
  const userData = userDataOf(metadata);
  return userData === null ? null : decodeMemberInfo(userData);
}

function userDataOf(metadata: Buffer): Buffer | null {
  try {
    return AssignerProtocol.MemberMetadata.decode(metadata)?.userData ?? null;
  } catch {
    // kafkajs reads on past the end of what is no subscription; it does nothing else that could fail.
    return null;
  }
}

function decodeFields(from: ByteReader): MemberInfo {
  const httpAddress = from.text();
  const numStandby = from.varint();
  const memberId = from.text();
  const partitions: number[] = [];
  for (let left = from.varint(), last = 0; left > 0; left--) partitions.push((last = partitionAfter(last, from)));
  const held = new Map<number, number>();
  for (let left = from.varint(), last = 0; left > 0; left--)
    held.set((last = partitionAfter(last, from)), from.varint());
  return { httpAddress: orNull(httpAddress), numStandby, memberId: orNull(memberId), partitions, held };
}

function partitionAfter(last: number, from: ByteReader): number {
  const partition = last + from.varint();
  if (partition > MAX_PARTITION) throw new CorruptStoreError(`member info: a partition ${partition}`);
  return partition;
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
