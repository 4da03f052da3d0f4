/**
 * What a member of the group tells of itself at each join, in the user data of its subscription:
 *
 *     version (a byte), HTTP address (text), number of standbys wanted, member id (text),
 *     number of partitions, partitions..., number of states held, (partition, changelog position)...,
 *     number of deciding settings, (name, value)..., topic id of the changelog (text)
 *
 * Numbers are varints; a partition is given as the distance from the one before. A later release may append fields,
 * which this one ignores; the version changes only when these here change. The settings and the topic id are such fields:
 * members of releases before them do not have them.
 */
import { AssignerProtocol } from 'kafkajs';
import { instanceAddress } from '../lib/instance-address.js';
import { ByteReader } from '../store/byte-reader.js';
import { ByteWriter } from '../store/byte-writer.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import { MAX_PARTITION } from './member-assignment.js';

/** The group's name for our way of assigning: all members must know it. */
export const ASSIGNMENT_PROTOCOL = 'company-sync';

export interface MemberInfo {
  /** Where its HTTP is reached from other instances: an origin. Null if it is not reached, or does not advertise an origin. */
  readonly httpAddress: string | null;
  /** NUM_STANDBY as this member is configured. */
  readonly numStandby: number;
  /** The id under which it was given `partitions`; null before. With another one by now it may have lost them. */
  readonly memberId: string | null;
  /** The partitions that it has. */
  readonly partitions: readonly number[];
  /** Partition -> changelog position of the state on its disk, also of partitions that it does not have. */
  readonly held: ReadonlyMap<number, number>;
  /** Its deciding settings (deciding-settings.ts), to be compared; empty if its release does not send them. */
  readonly settings: ReadonlyMap<string, string>;
  /** Of the topic that the positions in `held` are offsets of; null where it is not known. */
  readonly changelogId: string | null;
}

const VERSION = 1;
/** More is not read. An instance has seven settings to compare, and the longest has 256 characters. */
const MAX_SETTINGS = 32;
const MAX_TEXT_BYTES = 1_024;
/** More standbys than NUM_STANDBY can say. */
const MAX_STANDBYS = 100;

export function encodeMemberInfo(info: MemberInfo): Buffer {
  const { httpAddress, numStandby, memberId, partitions, held, settings, changelogId } = info;
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
  to.varint(settings.size);
  for (const [name, value] of settings) {
    to.text(name);
    to.text(value);
  }
  to.text(changelogId ?? '');
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
  const userData = subscriptionOf(metadata)?.userData;
  return userData == null ? null : decodeMemberInfo(userData);
}

/** The topics that a member subscribes to, ours or not; null for bytes that are not a subscription. */
export function topicsOfMember(metadata: Buffer): readonly string[] | null {
  return subscriptionOf(metadata)?.topics ?? null;
}

function subscriptionOf(metadata: Buffer) {
  try {
    return AssignerProtocol.MemberMetadata.decode(metadata);
  } catch {
    // kafkajs reads on past the end of bytes that are not a subscription; it does nothing else that could fail.
    return null;
  }
}

function decodeFields(from: ByteReader): MemberInfo {
  const httpAddress = from.text();
  const numStandby = Math.min(from.varint(), MAX_STANDBYS);
  const memberId = from.text();
  const partitions: number[] = [];
  for (let left = from.count(), last = 0; left > 0; left--) partitions.push((last = partitionAfter(last, from)));
  const held = new Map<number, number>();
  for (let left = from.count(), last = 0; left > 0; left--)
    held.set((last = partitionAfter(last, from)), from.varint());
  const settings = from.atEnd ? new Map<string, string>() : decodeSettings(from);
  const changelogId = from.atEnd ? null : orNull(shortText(from));
  const member = { httpAddress: instanceAddress(httpAddress), numStandby, memberId: orNull(memberId) };
  return { ...member, partitions, held, settings, changelogId };
}

function decodeSettings(from: ByteReader): Map<string, string> {
  const count = from.varint();
  if (count > MAX_SETTINGS) throw new CorruptStoreError(`member info: ${count} settings`);
  return new Map(Array.from({ length: count }, () => [shortText(from), shortText(from)]));
}

function shortText(from: ByteReader): string {
  const length = from.varint();
  if (length > MAX_TEXT_BYTES) throw new CorruptStoreError(`member info: a text of ${length} bytes`);
  return from.slice(length).toString();
}

function partitionAfter(last: number, from: ByteReader): number {
  const partition = last + from.varint();
  if (partition > MAX_PARTITION) throw new CorruptStoreError(`member info: a partition ${partition}`);
  return partition;
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
