/**
 * What a store keeps about itself, under keys that never go to the changelog: whose state it holds, up to where it has
 * followed the changelog, and how to undo the last batch.
 */
import { ByteWriter } from '../lib/byte-writer.js';
import { KEY_KIND } from './row-keys.js';
import { beginRow, readRow } from './row-version.js';
import type { KeyChange } from './key-value-store.js';

const CHANGELOG_POSITION_BYTES = 32;

const localKey = (name: string) => Buffer.concat([Buffer.of(KEY_KIND.local), Buffer.from(name)]);
export const IDENTITY_KEY = localKey('identity');
export const CHANGELOG_POSITION_KEY = localKey('position');
export const UNDO_KEY = localKey('undo');
export const FOLLOWED_LOG_KEY = localKey('log');
/** Present if every unfinished company has its mark (unfinished-index.ts): older folders lack the marks of some. */
export const ALL_MARKED_KEY = localKey('marked');
export const FOLLOWED_EPOCH_KEY = localKey('epoch');

/** Whose state this is. Any difference makes it someone else's. */
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
   * A time (milliseconds since the epoch) at which the store missed nothing of the changelog below its end. A tombstone
   * may vanish `delete.retention.ms` after it was written, so a store that has missed changes for longer than that may
   * keep rows permanently that were deleted.
   */
  readonly atEndMs: number;
}

/** Which changelog the store has followed: its name alone does not say. */
export interface FollowedLog {
  /** Null if the brokers have no topic ids. */
  readonly topicId: string | null;
  /** The highest leader epoch seen: a broker that says less is cut off from the cluster, or has another log. */
  readonly leaderEpoch: number;
}

/**
 * All that the store has followed below `offset` was in the log of the leader of `leaderEpoch`. Earlier releases move the
 * changelog position without it: so it has an offset of its own, and stays true.
 */
export interface FollowedEpoch {
  readonly offset: number;
  readonly leaderEpoch: number;
}

export function encodeFollowedEpoch({ offset, leaderEpoch }: FollowedEpoch): Buffer {
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

export function encodeChangelogPosition(position: ChangelogPosition): Buffer {
  const to = new ByteWriter(CHANGELOG_POSITION_BYTES);
  to.begin();
  beginRow(to);
  to.varint(position.offset);
  to.varint(position.atEndMs);
  return to.end();
}

/**
 * The writes that put `position` into the store.
 * @param leaderEpoch as of `FollowedEpoch`; -1 if it is not known: what is noted of an earlier offset then stays
 */
export function changelogPositionChanges(position: ChangelogPosition, leaderEpoch: number): KeyChange[] {
  const { offset } = position;
  const changes: KeyChange[] = [{ key: CHANGELOG_POSITION_KEY, value: encodeChangelogPosition(position) }];
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
 * All keys of a batch with their priors: `version (key length, key, prior length or -1, prior)...`. A key that appears
 * twice is given its first prior, for entries are undone last to first.
 */
export class UndoWriter {
  readonly #to: ByteWriter;

  /** @param expectedBytes a guess at the length: one that is near saves copying */
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
