/**
 * The state of one partition on the local disk, and how it survives a crash at any point.
 *
 *     apply:    ONE write = the batch's rows + one undo value (all priors) + the changelog position known by then
 *     confirm:  the batch's transaction has committed; the position is remembered and goes with the next write
 *     flush:    writes that position, drops the undo
 *     reopen:   an undo that is there is applied, always; what was committed comes back from the changelog
 *
 * Two invariants follow, whatever is killed when: after the undo the rows are those of the state before the undone
 * batch; and everything below the stored position of the changelog is in the store, for a position is only written with
 * or after the rows that it speaks of. The undo of a batch is overwritten only by a batch that follows its `confirm`.
 */
import { changesOf, latestOriginRow, latestPositionRow, type ChangelogRow } from './changelog-rows.js';
import { CommittedRows } from './committed-rows.js';
import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyChange,
  type KeyValueStore,
  type Pair,
} from './key-value-store.js';
import { changelogPositionChanges, decodeUndo, UNDO_KEY, type ChangelogPosition } from './partition-meta.js';
import type { OriginRow, PositionRow } from './row-codec.js';
import type { EncodedChanges } from './state-changes.js';
import { unfinishedMarks } from './unfinished-index.js';

/** Writes of a replay are cut into pieces of so many rows: large enough to be fast, small enough not to block. */
const REPLAY_WRITE_ROWS = 2_000;

/** Calls that write (`replay`, `apply`, `flush`) must not overlap. */
export class PartitionStore {
  #changelog: ChangelogPosition;
  /** False from the store's own writes to the changelog until its leader epoch is asked for again. */
  #epochIsKnown = true;
  #positionRow: PositionRow | null;
  /** The store has an undo on disk. */
  #hasUndo = false;
  /** What the `apply` was given whose transaction is still open; null where none is. */
  #unconfirmed: { readonly undo: Buffer; readonly sinceMs: number } | null = null;
  /** What is known of the changelog is not on disk yet. */
  #positionIsNews = false;
  /** Why nothing can be written any more: a write failed, and what it did is known only after opening it again. */
  #failure: unknown;
  #writing = false;
  #undoBytes = 0;
  #corruption: CorruptStoreError | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Use `openPartitionStore` (open-partition-store.ts). The store must have no undo.
   *
   * @param setAside closes the store and takes its folder out of the way
   * @param leaderEpoch of a leader of the changelog that has all that the store has followed; -1 if it is not known
   */
  constructor(
    private readonly store: KeyValueStore,
    private readonly setAside: (why: string) => Promise<void>,
    changelog: ChangelogPosition,
    positionRow: PositionRow | null,
    private originRow: OriginRow | null = null,
    private leaderEpoch = -1,
  ) {
    this.#changelog = changelog;
    this.#positionRow = positionRow;
  }

  /** A lower bound: every changelog record below it is in the store, or will be with the next write. 0 when fresh. */
  get changelogPosition(): number {
    return this.#changelog.offset;
  }

  /** The latest time known at which the store missed nothing of the changelog; milliseconds since the epoch. */
  get atEndMs(): number {
    return this.#changelog.atEndMs;
  }

  /** False if the leader may have been in a later epoch than is noted, when this store's last batch was written. */
  get epochIsKnown(): boolean {
    return this.#epochIsKnown;
  }

  /** The position row as the store has it; null where the changelog had none yet. */
  position(): PositionRow | null {
    return this.#positionRow;
  }

  /** The origin row as the store has it; null if the changelog had none yet. */
  origin(): OriginRow | null {
    return this.originRow;
  }

  /** Length of the undo written last. */
  get undoBytes(): number {
    return this.#undoBytes;
  }

  /**
   * Writes rows read from the changelog, and with the last of them the position after them. Replaying rows once more is
   * harmless.
   *
   * @param nextPosition where the next read of the changelog starts
   * @param leaderEpoch of a leader whose log has all below that; -1 if it is not known
   */
  async replay(records: readonly ChangelogRow[], nextPosition: number, leaderEpoch = -1): Promise<void> {
    this.#mustBeConfirmed('replay');
    let from = 0;
    for (; records.length - from > REPLAY_WRITE_ROWS; from += REPLAY_WRITE_ROWS) {
      const piece = changesOf(records, from, from + REPLAY_WRITE_ROWS);
      await this.#write(piece.concat(unfinishedMarks(piece)));
    }

    const changelog = { ...this.#changelog, offset: nextPosition };
    const last = changesOf(records, from, records.length);
    last.push(...unfinishedMarks(last));
    last.push(...changelogPositionChanges(changelog, leaderEpoch));
    await this.#write(last);
    this.#changelog = changelog;
    this.leaderEpoch = leaderEpoch;
    this.#epochIsKnown = true;
    this.#positionIsNews = false;
    this.#positionRow = latestPositionRow(records, this.#positionRow);
    this.originRow = latestOriginRow(records, this.originRow);
  }

  /**
   * Notes that the store misses nothing of the changelog. Goes to disk with the next write of the position.
   *
   * @param now milliseconds since the epoch, read before the end of the changelog was asked for
   * @param leaderEpoch of the leader that gave that end, if it was asked
   */
  noteAtEnd(now: number, leaderEpoch?: number): void {
    this.#changelog = { ...this.#changelog, atEndMs: now };
    if (leaderEpoch !== undefined) {
      this.leaderEpoch = leaderEpoch;
      this.#epochIsKnown = true;
    }
    this.#positionIsNews = true;
  }

  /**
   * Writes a batch, all or nothing, so that it can be undone. The caller need not keep the changes.
   *
   * @param position the position row that is among the changes
   * @param now milliseconds since the epoch; where the batch is confirmed, the store was at the changelog's end then
   * @throws StoreUnavailableError, CorruptStoreError; the store must be opened again then
   */
  async apply({ changes, local, undo, origin }: EncodedChanges, position: PositionRow, now: number): Promise<void> {
    this.#mustBeConfirmed('apply');
    const writes = [...changes, ...local] as KeyChange[];
    writes.push({ key: UNDO_KEY, value: undo });
    if (this.#positionIsNews) writes.push(...changelogPositionChanges(this.#changelog, this.leaderEpoch));
    this.#unconfirmed = { undo, sinceMs: now };
    this.#undoBytes = undo.length;
    const written = this.#write(writes);
    writes.length = 0;
    await written;
    this.#hasUndo = true;
    this.#positionIsNews = false;
    this.#positionRow = position;
    this.originRow = origin ?? this.originRow;
  }

  /**
   * The transaction of the batch applied last has committed. Nothing is written: the next write carries it.
   *
   * @param position the changelog's position after that transaction, its commit marker included
   */
  confirm(position: number): void {
    if (this.#unconfirmed === null) throw new Error('nothing was applied that could be confirmed');
    if (position < this.#changelog.offset)
      throw new RangeError(`the changelog went from ${this.#changelog.offset} back to ${position}`);
    // The owner was alone in writing when the batch was applied: a fenced one could not have committed it.
    this.#changelog = { offset: position, atEndMs: this.#unconfirmed.sinceMs };
    this.#unconfirmed = null;
    this.#positionIsNews = true;
    this.#epochIsKnown = this.leaderEpoch < 0; // The brokers have none: it need not be asked for.
  }

  /** Writes what was confirmed and drops the undo. One write; none where there is nothing new. */
  async flush(): Promise<void> {
    this.#mustBeConfirmed('flush');
    const writes: KeyChange[] = [];
    if (this.#hasUndo) writes.push({ key: UNDO_KEY, value: null });
    if (this.#positionIsNews) writes.push(...changelogPositionChanges(this.#changelog, this.leaderEpoch));
    if (writes.length === 0) return;
    await this.#write(writes);
    this.#hasUndo = false;
    this.#positionIsNews = false;
  }

  /** Writes what the changelog never has and no undo takes back. Call it while no batch is unconfirmed. */
  async writeLocal(changes: readonly KeyChange[]): Promise<void> {
    this.#mustBeConfirmed('a local write');
    if (changes.length > 0) await this.#write(changes);
  }

  /** Nothing is left for `flush` to do. */
  get atRest(): boolean {
    return !this.#hasUndo && !this.#positionIsNews;
  }

  /** The values of `keys`, in their order; null for a key without a value. @throws StoreUnavailableError, CorruptStoreError */
  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.#noticingCorruption(this.store.read(keys));
  }

  /** Every pair whose key starts with `prefix`, in key order. @throws StoreUnavailableError, CorruptStoreError */
  scan(prefix: Buffer): Promise<{ key: Buffer; value: Buffer }[]> {
    return this.#noticingCorruption(this.store.scan(prefix));
  }

  /** As KeyValueStore.page. @throws StoreUnavailableError, CorruptStoreError */
  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.#noticingCorruption(this.store.page(prefix, after, limit));
  }

  /**
   * The rows as they were after the last batch confirmed, whatever is being written now. Close it.
   * @throws StoreUnavailableError
   */
  committed(): CommittedRows {
    const undo = this.#unconfirmed === null ? [] : decodeUndo(this.#unconfirmed.undo);
    return new CommittedRows(this.store.snapshot(), undo);
  }

  /**
   * Writes nothing: an unconfirmed batch is undone by the next opening. A store that has turned out to be corrupt is
   * set aside then, for opening it would not show it. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** What was read turned out not to be rows: `close` then sets the store aside. */
  distrust(corruption: CorruptStoreError): void {
    this.#corruption = corruption;
  }

  async #close(): Promise<void> {
    if (this.#corruption === undefined) await this.store.close();
    else await this.setAside(this.#corruption.message);
  }

  async #write(changes: readonly KeyChange[]): Promise<void> {
    if (this.#failure !== undefined)
      throw new StoreUnavailableError('a write has failed before: open the store again', { cause: this.#failure });
    if (this.#writing) throw new Error('two writes of one partition store overlap');
    this.#writing = true;
    try {
      await this.#noticingCorruption(this.store.write(changes));
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#writing = false;
    }
  }

  async #noticingCorruption<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (error instanceof CorruptStoreError) this.#corruption = error;
      throw error;
    }
  }

  /** Until its transaction is decided, only the undo on disk knows how to take a batch back. */
  #mustBeConfirmed(what: string): void {
    if (this.#unconfirmed !== null) throw new Error(`${what} before the last batch was confirmed`);
  }
}
