/**
 * The state of one partition on the local disk, and how it survives a crash at any point.
 *
 *     apply:    ONE write = the batch's rows + one undo value (all priors) + the changelog position known by then
 *     confirm:  the batch's transaction has committed; the position is kept in memory and stored by the next write
 *     flush:    writes that position, deletes the undo
 *     reopen:   applies the undo if there is one, always; the committed changes come back from the changelog
 *
 * Two invariants follow, at whatever moment the process is killed. First: after the undo, the rows are as they were
 * before the undone batch. Second: everything below the stored changelog position is in the store, because a position
 * is written only together with its rows or after them. The undo of a batch is overwritten only by a batch that follows
 * its `confirm`.
 *
 * A confirmed batch can still be aborted in the changelog, if brokers have left it open there. So the next user of the
 * store first reads the position row of that batch in the changelog (`readFrom`, `lacksOwnBatch`).
 */
import {
  changesOf,
  hasPositionRow,
  hasPositionRowFrom,
  latestOriginRow,
  latestPositionRow,
  type ReadRow,
} from './changelog-rows.js';
import { CommittedRows } from './committed-rows.js';
import { formerChanges, NO_FORMER, type Former } from './former-rows.js';
import { GuardedStore } from './guarded-store.js';
import type { CorruptStoreError, KeyChange, KeyValueStore } from './key-value-store.js';
import {
  changelogPositionChanges,
  decodeUndo,
  UNDO_KEY,
  type ChangelogPosition,
  type FollowedEpoch,
} from './partition-meta.js';
import type { OriginRow, PositionRow } from './row-codec.js';
import type { EncodedChanges } from './state-changes.js';
import { withMarks } from './pending-index.js';

/** Rows in each write of a replay: large enough to be fast, small enough not to block. */
const REPLAY_WRITE_ROWS = 2_000;
/** The position row of an own batch, and the marker after it, which an earlier release may have followed. */
const OWN_BATCH_OFFSETS = 2;

/** Calls that write (`replay`, `apply`, `flush`) must not overlap. */
export class PartitionStore extends GuardedStore {
  #changelog: ChangelogPosition;
  /** False after this store's own writes to the changelog, until its leader epoch has been asked for again. */
  #epochIsKnown = true;
  #followed: FollowedEpoch;
  #positionRow: PositionRow | null;
  /** Whether the store has an undo on disk. */
  #hasUndo = false;
  /** The data of the last `apply` while its transaction is still open; null otherwise. */
  #unconfirmed: { readonly undo: Buffer; readonly sinceMs: number } | null = null;
  /** Whether a newer changelog position is in memory but not on disk. */
  #hasUnsavedPosition = false;
  /** Bytes of the undo written last. */
  undoBytes = 0;
  #closed: Promise<void> | undefined;

  /**
   * Use `openPartitionStore` (open-partition-store.ts). The store must have no undo.
   * @param setAside notes what the store passes on, closes it and renames its folder
   * @param leaderEpoch the epoch of a leader whose log contains everything that the store has followed; -1 if unknown
   */
  constructor(
    store: KeyValueStore,
    private readonly setAside: (why: string) => Promise<void>,
    changelog: ChangelogPosition,
    positionRow: PositionRow | null,
    private originRow: OriginRow | null = null,
    leaderEpoch = -1,
    public former: Former = NO_FORMER,
  ) {
    super(store);
    this.#changelog = changelog;
    this.#followed = { leaderEpoch, offset: changelog.offset };
    this.#positionRow = positionRow;
  }

  /** A lower bound: every changelog record below it is in the store, or will be after the next write. 0 at first. */
  get changelogPosition(): number {
    return this.#changelog.offset;
  }

  /** Where to read the changelog from. After an own batch, that is its position row, which proves that it is committed. */
  get readFrom(): number {
    const { offset } = this.#changelog;
    return this.lacksOwnBatch ? Math.max(0, offset - OWN_BATCH_OFFSETS) : offset;
  }

  /**
   * True while nothing has shown that the changelog has the store's last own batch. If it is still true after all of the
   * changelog from `readFrom` on was replayed, that batch was aborted there, and the store has rows that do not count.
   */
  get lacksOwnBatch(): boolean {
    return this.#changelog.isAfterOwnBatch === true && this.#positionRow !== null;
  }

  /** Whether the own batch may end before the position: an earlier release has also followed what came after it. */
  get ownBatchMayEndEarlier(): boolean {
    return this.lacksOwnBatch && this.#changelog.isOfEarlierRelease === true;
  }

  /** Records that the position row of the own batch was found in the changelog. The next write stores it. */
  noteReadBack(): void {
    this.#changelog = { offset: this.changelogPosition, atEndMs: this.atEndMs };
    this.#hasUnsavedPosition = true;
  }

  /**
   * Whether these records are after the own batch, and its position row was not read. Another owner has written them. They
   * replace only the rows that this owner has decided again so far.
   */
  isPastOwnBatch(records: readonly ReadRow[]): boolean {
    const isAfter = ({ offset }: ReadRow) => offset >= this.#changelog.offset;
    return this.lacksOwnBatch && !this.#hasOwnBatch(records) && records.some(isAfter);
  }

  /** The latest known time at which the store missed nothing of the changelog; milliseconds since the epoch. */
  get atEndMs(): number {
    return this.#changelog.atEndMs;
  }

  /** False if the leader may have been in a later epoch than the stored one when this store's last batch was written. */
  get epochIsKnown(): boolean {
    return this.#epochIsKnown;
  }

  /** The last known leader epoch, and up to where it is known that its leader had what the store has followed. */
  get followedEpoch(): FollowedEpoch {
    return this.#followed;
  }

  /** The position row in the store; null if it has none. */
  position(): PositionRow | null {
    return this.#positionRow;
  }

  /** The origin row in the store; null if it has none. */
  origin(): OriginRow | null {
    return this.originRow;
  }

  /**
   * Writes rows read from the changelog, and the new position with the last of them. The same rows again change nothing.
   *
   * @param records `isPastOwnBatch` is false for them
   * @param nextPosition where the next read of the changelog starts
   * @param leaderEpoch the epoch of a leader whose log contains everything below `nextPosition`; -1 if unknown
   */
  async replay(records: readonly ReadRow[], nextPosition: number, leaderEpoch = -1): Promise<void> {
    this.#mustBeConfirmed('replay');
    const { rows: former } = this.former;
    if (former !== null && hasPositionRowFrom(records, former.changelogEnd)) await this.forgetFormerRows();
    let from = 0;
    for (; records.length - from > REPLAY_WRITE_ROWS; from += REPLAY_WRITE_ROWS)
      await this.write(withMarks(changesOf(records, from, from + REPLAY_WRITE_ROWS)));

    const last = withMarks(changesOf(records, from, records.length));
    const isAfterOwnBatch = this.lacksOwnBatch && !this.#hasOwnBatch(records);
    // The first reads may end within the own batch, and say nothing about the leader's epoch at its end.
    const offset = Math.max(nextPosition, this.#changelog.offset);
    const followed = { leaderEpoch: offset === nextPosition ? leaderEpoch : -1, offset };
    const changelog = { offset, atEndMs: this.#changelog.atEndMs, isAfterOwnBatch };
    last.push(...changelogPositionChanges(changelog, followed.leaderEpoch));
    await this.write(last);
    this.#changelog = changelog;
    this.#noteFollowed(followed);
    this.#hasUnsavedPosition = false;
    this.#positionRow = latestPositionRow(records, this.#positionRow);
    this.originRow = latestOriginRow(records, this.originRow);
  }

  /**
   * Records that the store misses nothing of the changelog. The next write of the position stores it.
   * @param now milliseconds since the epoch, read before the end of the changelog was requested
   * @param leaderEpoch the epoch of the leader that reported that end, if one was asked
   */
  noteAtEnd(now: number, leaderEpoch?: number): void {
    this.#changelog = { ...this.#changelog, atEndMs: now };
    if (leaderEpoch !== undefined) this.#noteFollowed({ leaderEpoch, offset: this.#changelog.offset });
    this.#hasUnsavedPosition = true;
  }

  #noteFollowed(followed: FollowedEpoch): void {
    this.#followed = followed;
    this.#epochIsKnown = true;
  }

  /**
   * Writes a batch, all or nothing, together with its undo. The caller need not keep the changes.
   * @param position the position row among the changes
   * @param now milliseconds since the epoch; if the batch is confirmed, the store was at the changelog's end at this
   * time
   * @throws StoreUnavailableError, CorruptStoreError; afterwards the store must be opened again
   */
  async apply({ changes, local, undo, origin }: EncodedChanges, position: PositionRow, now: number): Promise<void> {
    this.#mustBeConfirmed('apply');
    const writes = [...changes, ...local] as KeyChange[];
    writes.push({ key: UNDO_KEY, value: undo });
    if (this.#hasUnsavedPosition) writes.push(...this.#positionChanges());
    this.#unconfirmed = { undo, sinceMs: now };
    this.undoBytes = undo.length;
    const written = this.write(writes);
    writes.length = 0;
    await written;
    this.#hasUndo = true;
    this.#hasUnsavedPosition = false;
    this.#positionRow = position;
    this.originRow = origin ?? this.originRow;
  }

  /** Records that the last applied batch has committed. @param position the changelog offset after its commit marker */
  confirm(position: number): void {
    if (this.#unconfirmed === null) throw new Error('no applied batch waits to be confirmed');
    if (position < this.#changelog.offset)
      throw new RangeError(`the changelog position went back from ${this.#changelog.offset} to ${position}`);
    // No other owner wrote while the batch was applied: a fenced owner could not have committed it.
    this.#changelog = { offset: position, atEndMs: this.#unconfirmed.sinceMs, isAfterOwnBatch: true };
    this.#unconfirmed = null;
    this.#hasUnsavedPosition = true;
    this.#epochIsKnown = this.#followed.leaderEpoch < 0; // The brokers have no epochs: nothing needs to be asked.
  }

  /** Writes the confirmed position and deletes the undo, in one write. Writes nothing if nothing has changed. */
  async flush(): Promise<void> {
    this.#mustBeConfirmed('flush');
    const writes: KeyChange[] = [];
    if (this.#hasUndo) writes.push({ key: UNDO_KEY, value: null });
    if (this.#hasUnsavedPosition) writes.push(...this.#positionChanges());
    if (writes.length === 0) return;
    await this.write(writes);
    this.#hasUndo = false;
    this.#hasUnsavedPosition = false;
  }

  /** Call it when the partition runs: it is past the rows of former stores, or an operator has accepted their loss. */
  async forgetFormerRows(): Promise<void> {
    if (this.former.rows === null) return;
    this.former = { ...this.former, rows: null };
    await this.writeLocal(formerChanges(this.former));
  }

  /** Writes keys that are never in the changelog and that no undo reverts, while no batch is unconfirmed. */
  async writeLocal(changes: readonly KeyChange[]): Promise<void> {
    this.#mustBeConfirmed('a local write');
    if (changes.length > 0) await this.write(changes);
  }

  #positionChanges(): KeyChange[] {
    return changelogPositionChanges(this.#changelog, this.#followed.leaderEpoch);
  }

  /** Whether `flush` has nothing to do. */
  get isFlushed(): boolean {
    return !this.#hasUndo && !this.#hasUnsavedPosition;
  }

  /**
   * The rows after the last confirmed batch, whatever is being written now. The caller must close them.
   * @throws StoreUnavailableError
   */
  committed(): CommittedRows {
    const undo = this.#unconfirmed === null ? [] : decodeUndo(this.#unconfirmed.undo);
    return new CommittedRows(this.store.snapshot(), undo);
  }

  /**
   * Flushes, if the disk accepts it, and closes the store. An unconfirmed batch is undone at the next opening. If the
   * store turned out to be corrupt, sets it aside, because opening it would not detect that. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Marks the store as corrupt, because something read from it is not a row: `close` then sets it aside. */
  distrust(corruption: CorruptStoreError): void {
    this.corruption = corruption;
  }

  #hasOwnBatch(records: readonly ReadRow[]): boolean {
    return this.#positionRow !== null && hasPositionRow(records, this.#positionRow, this.#changelog.offset);
  }

  async #close(): Promise<void> {
    const { corruption } = this;
    // With its undo, the folder could not show any more that brokers have lost the batch.
    if (corruption === undefined && this.#unconfirmed === null) await this.flush().catch(() => undefined);
    if (corruption === undefined) await this.store.close();
    else await this.setAside(corruption.message);
  }

  /** @throws while a batch is unconfirmed: until its transaction is decided, only the undo on disk can revert it */
  #mustBeConfirmed(method: string): void {
    if (this.#unconfirmed !== null) throw new Error(`${method} was called before the last batch was confirmed`);
  }
}
