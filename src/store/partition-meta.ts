/**
 * The values that a store keeps about itself, under keys that are never written to the changelog. They have the
 * deployment that the state belongs to, the changelog position of the store, and the undo of the last batch.
 */
import { ByteWriter } from '../lib/byte-writer.js';
import { KEY_KIND } from './row-keys.js';
import { beginRow, readRow } from './row-version.js';
import type { KeyChange } from './key-value-store.js';

const CHANGELOG_POSITION_BYTES = 32;

export const localKey = (name: string) => Buffer.concat([Buffer.of(KEY_KIND.local), Buffer.from(name)]);
export const IDENTITY_KEY = localKey('identity');
export const CHANGELOG_POSITION_KEY = localKey('position');
export const UNDO_KEY = localKey('undo');
export const FOLLOWED_LOG_KEY = localKey('log');
/** Present if every pending company has its pending mark (pending-index.ts). Older folders lack some of these marks. */
export const ALL_MARKED_KEY = localKey('marked');
export const FOLLOWED_EPOCH_KEY = localKey('epoch');
/** The changelog offset that a former store of this partition had followed, before its folder was set aside. */
export const FORMER_OFFSET_KEY = localKey('former');
/** How far a former store of this partition had come in the input (former-rows.ts). */
export const FORMER_ROWS_KEY = localKey('former-rows');
/**
 * Each has a changelog position: where the last batch ends that the store has applied itself, and up to where the store
 * was read from the changelog. One of them is the present position; if neither is, an earlier release has moved it.
 */
export const OWN_BATCH_KEY = localKey('own');
export const READ_BACK_KEY = localKey('read-back');

/** The deployment and partition of this state. If any field differs, the state belongs to another one. */
export interface StoreIdentity {
  readonly clusterId: string;
  readonly applicationId: string;
  /** Input topic and partition. */
  readonly topic: string;
  readonly partition: number;
}

export interface ChangelogPosition {
  /** A lower bound: everything below it in the changelog is in the store. */
  readonly offset: number;
  /**
   * A time (milliseconds since the epoch) at which the store missed nothing below the end of the changelog. The broker
   * may delete a tombstone `delete.retention.ms` after it was written. So a store that missed changes for longer may
   * permanently keep rows that were deleted.
   */
  readonly atEndMs: number;
  /**
   * Whether the position may be after a batch that this store has applied itself, and that was not read back from the
   * changelog yet. The coordinator has acknowledged the commit of that batch. But if brokers left it open in the
   * changelog, it may have been aborted there since.
   */
  readonly isAfterOwnBatch?: boolean;
  /** An earlier release has moved the position. So if it is after an own batch, that batch may end anywhere below it. */
  readonly isOfEarlierRelease?: boolean;
}

/** Identifies the changelog that the store has followed; the topic name alone is not enough. */
export interface FollowedLog {
  /** Null if the brokers have no topic ids. */
  readonly topicId: string | null;
  /**
   * The highest leader epoch seen. A broker that reports a lower one is cut off from the cluster, or has another log.
   */
  readonly leaderEpoch: number;
}

/**
 * Everything that the store has followed below `offset` was in the log of the leader of `leaderEpoch`. Earlier releases
 * move the changelog position without this value. So it has its own offset, and stays true.
 */
export interface FollowedEpoch {
  readonly offset: number;
  readonly leaderEpoch: number;
}

function encodeOffset(offset: number): Buffer {
  const to = new ByteWriter(CHANGELOG_POSITION_BYTES);
  to.begin();
  beginRow(to);
  to.varint(offset);
  return to.end();
}

function decodeOffset(bytes: Buffer, what: string): number {
  const from = readRow(bytes, what);
  const offset = from.varint();
  from.end();
  return offset;
}

export function encodeFormerOffset(offset: number): Buffer {
  return encodeOffset(offset);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeFormerOffset(bytes: Buffer): number {
  return decodeOffset(bytes, 'former offset');
}

/** Whether a value of OWN_BATCH_KEY or READ_BACK_KEY is this position. @throws UnknownRowVersionError, CorruptStoreError */
export function isPosition(bytes: Buffer | null | undefined, offset: number): boolean {
  return bytes != null && decodeOffset(bytes, 'position of an own batch') === offset;
}

function encodeFollowedEpoch({ offset, leaderEpoch }: FollowedEpoch): Buffer {
  const to = new ByteWriter(CHANGELOG_POSITION_BYTES);
  to.begin();
  beginRow(to);
  to.varint(offset);
  to.varint(leaderEpoch);
  return to.end();
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeFollowedEpoch(bytes: Buffer): FollowedEpoch {
  const from = readRow(bytes, 'followed epoch');
  const followed = { offset: from.varint(), leaderEpoch: from.varint() };
  from.end();
  return followed;
}

export function encodeFollowedLog({ topicId, leaderEpoch }: FollowedLog): Buffer {
  const to = new ByteWriter();
  to.begin();
  beginRow(to);
  to.text(topicId ?? '');
  to.varint(leaderEpoch + 1);
  return to.end();
}

/** Whether the store is known to have followed another changelog of that name. */
export function isOtherLog(followed: FollowedLog | null, now: FollowedLog): boolean {
  return followed?.topicId != null && now.topicId !== null && followed.topicId !== now.topicId;
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeFollowedLog(bytes: Buffer): FollowedLog {
  const from = readRow(bytes, 'followed log');
  const topicId = from.text();
  const log = { topicId: topicId === '' ? null : topicId, leaderEpoch: from.varint() - 1 };
  from.end();
  return log;
}

export function encodeIdentity(identity: StoreIdentity): Buffer {
  const to = new ByteWriter();
  to.begin();
  beginRow(to);
  to.text(identity.clusterId);
  to.text(identity.applicationId);
  to.text(identity.topic);
  to.varint(identity.partition);
  return to.end();
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeIdentity(bytes: Buffer): StoreIdentity {
  const from = readRow(bytes, 'store identity');
  const identity = {
    clusterId: from.text(),
    applicationId: from.text(),
    topic: from.text(),
    partition: from.varint(),
  };
  from.end();
  return identity;
}

/** To which other deployment or partition the store belongs; null if it belongs to the expected one. */
export function whoseElse(identity: StoreIdentity, expected: StoreIdentity): string | null {
  for (const part of ['clusterId', 'applicationId', 'topic', 'partition'] as const)
    if (identity[part] !== expected[part])
      return `the folder belongs to ${part} ${identity[part]}, not ${expected[part]}`;
  return null;
}

export function encodeChangelogPosition(position: ChangelogPosition): Buffer {
  const to = new ByteWriter(CHANGELOG_POSITION_BYTES);
  to.begin();
  beginRow(to);
  to.varint(position.offset);
  to.varint(position.atEndMs);
  return to.end();
}

/**
 * The writes that store `position`.
 *
 * @param leaderEpoch as in `FollowedEpoch`; -1 if unknown: then the stored epoch of an earlier offset stays
 */
export function changelogPositionChanges(position: ChangelogPosition, leaderEpoch: number): KeyChange[] {
  const { offset, isAfterOwnBatch = false } = position;
  const changes: KeyChange[] = [{ key: CHANGELOG_POSITION_KEY, value: encodeChangelogPosition(position) }];
  changes.push({ key: isAfterOwnBatch ? OWN_BATCH_KEY : READ_BACK_KEY, value: encodeOffset(offset) });
  if (leaderEpoch >= 0) changes.push({ key: FOLLOWED_EPOCH_KEY, value: encodeFollowedEpoch({ offset, leaderEpoch }) });
  return changes;
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeChangelogPosition(bytes: Buffer): ChangelogPosition {
  const from = readRow(bytes, 'changelog position');
  const position = { offset: from.varint(), atEndMs: from.varint() };
  from.end();
  return position;
}

const LEAST_UNDO_BYTES = 4 * 1024;
const SLACK = 1.25;

/**
 * All keys of a batch with their priors: `version (key length, key, prior length or -1, prior)...`. If a key appears
 * twice, its first prior wins, because the entries are undone last to first.
 */
export class UndoWriter {
  readonly #to: ByteWriter;

  /** @param expectedBytes an estimate of the length; a good one avoids copying */
  constructor(expectedBytes = 0) {
    this.#to = new ByteWriter(LEAST_UNDO_BYTES + Math.ceil(expectedBytes * SLACK));
    this.#to.begin();
    beginRow(this.#to);
  }

  /** @param write encodes the prior */
  add<T>(key: Buffer, prior: T | null, write: (to: ByteWriter, prior: T) => void): void {
    const to = this.#to;
    to.varint(key.length);
    to.bytes(key);
    if (prior === null) return to.noLength();
    const room = to.beginSized();
    write(to, prior);
    to.endSized(room);
  }

  end(): Buffer {
    return this.#to.end();
  }
}

/** The writes that return every key to its prior. @throws UnknownRowVersionError, CorruptStoreError */
export function decodeUndo(bytes: Buffer): KeyChange[] {
  const from = readRow(bytes, 'undo');
  const changes: KeyChange[] = [];
  while (!from.atEnd) {
    const key = from.slice(from.varint());
    changes.push({ key, value: from.sized() });
  }
  return changes.reverse();
}
