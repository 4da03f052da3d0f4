/** The changes of a batch as bytes, encoded once for both the changelog and the store. */
import type { ChangeVisitor, CompanyRows } from '../domain/company-rows.js';
import type { CompanyRow, DatasetRow, FirstSyncRow, HoldRow, InfoRow } from '../domain/rows.js';
import { NO_HEADERS, type Header } from '../lib/record.js';
import { ByteWriter } from '../lib/byte-writer.js';
import type { KeyChange } from './key-value-store.js';
import { UndoWriter } from './partition-meta.js';
import {
  writeCompanyRow,
  writeDatasetRow,
  writeFirstSyncRow,
  isSameOrigin,
  writeHoldRow,
  writeInfoRow,
  writeOriginRow,
  writePositionRow,
  type OriginRow,
  type PositionRow,
} from './row-codec.js';
import { MARK, markOf } from './pending-index.js';
import {
  ORIGIN_KEY,
  POSITION_KEY,
  writeCompanyKey,
  writeDatasetKey,
  writeFirstSyncKey,
  writeHoldKey,
  writeInfoKey,
} from './row-keys.js';

/** A changed row in the form of its changelog record. */
export interface StateChange extends KeyChange {
  readonly headers: readonly Header[];
}

export interface EncodedChanges {
  readonly changes: StateChange[];
  /** Changes for this store only: the pending marks of companies that became or stopped being pending. */
  readonly local: readonly KeyChange[];
  /** Returns each of those keys to its earlier value (`decodeUndo`). */
  readonly undo: Buffer;
  /** The origin row among the changes; null if it does not change. */
  readonly origin: OriginRow | null;
}

/** An origin row that replaces the stored one; `prior` is null if the store has none yet. */
export interface OriginChange {
  readonly prior: OriginRow | null;
  readonly now: OriginRow;
}

/**
 * Encodes every row changed since the last `settle` of its company, then the origin row if it changes, and last the
 * position row.
 *
 * @param priorPosition the stored position row; null if the store has none yet
 * @param undoBytes an estimate of the length of the undo
 */
export function encodeChanges(
  touched: Iterable<CompanyRows>,
  position: PositionRow,
  priorPosition: PositionRow | null,
  undoBytes = 0,
  origin: OriginChange | null = null,
): EncodedChanges {
  const encoder = new ChangeEncoder(undoBytes);
  for (const rows of touched) rows.visitChanges(encoder);
  const newOrigin = origin === null || isSameOrigin(origin.prior, origin.now) ? null : origin;
  if (newOrigin !== null) encoder.origin(newOrigin);
  encoder.position(position, priorPosition);
  const { changes, local, undo } = encoder;
  return { changes, local, undo: undo.end(), origin: newOrigin?.now ?? null };
}

/**
 * A row that was created and deleted within one batch is not written at all: neither store nor changelog ever had it.
 */
class ChangeEncoder implements ChangeVisitor {
  readonly changes: StateChange[] = [];
  readonly local: KeyChange[] = [];
  readonly undo: UndoWriter;
  readonly #to = new ByteWriter();

  constructor(undoBytes: number) {
    this.undo = new UndoWriter(undoBytes);
  }

  company(companyId: string, prior: CompanyRow | null, now: CompanyRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeCompanyKey(to, companyId);
    const key = to.end();
    this.#add(key, prior, now, writeCompanyRow);
    const before = prior?.outcome === 'pending';
    const after = now?.outcome === 'pending';
    if (before !== after) this.#mark(markOf(key), before, after);
  }

  info(companyId: string, prior: InfoRow | null, now: InfoRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeInfoKey(to, companyId);
    this.#add(to.end(), prior, now, writeInfoRow);
  }

  firstSync(companyId: string, prior: FirstSyncRow | null, now: FirstSyncRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeFirstSyncKey(to, companyId);
    this.#add(to.end(), prior, now, writeFirstSyncRow);
  }

  dataset(companyId: string, datasetId: string, prior: DatasetRow | null, now: DatasetRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeDatasetKey(to, companyId, datasetId);
    this.#add(to.end(), prior, now, writeDatasetRow);
  }

  hold(companyId: string, holdId: string, prior: HoldRow | null, now: HoldRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeHoldKey(to, companyId, holdId);
    this.#add(to.end(), prior, now, writeHoldRow);
  }

  origin({ prior, now }: OriginChange): void {
    this.#add(ORIGIN_KEY, prior, now, writeOriginRow);
  }

  position(now: PositionRow, prior: PositionRow | null): void {
    this.#add(POSITION_KEY, prior, now, writePositionRow);
  }

  #mark(key: Buffer, before: boolean, after: boolean): void {
    this.local.push({ key, value: after ? MARK : null });
    this.undo.add(key, before ? MARK : null, (to, mark) => to.bytes(mark));
  }

  #add<T>(key: Buffer, prior: T | null, now: T | null, write: (to: ByteWriter, row: T) => void): void {
    this.changes.push({ key, value: this.#encoded(now, write), headers: NO_HEADERS });
    this.undo.add(key, prior, write);
  }

  #encoded<T>(row: T | null, write: (to: ByteWriter, row: T) => void): Buffer | null {
    if (row === null) return null;
    this.#to.begin();
    write(this.#to, row);
    return this.#to.end();
  }
}
