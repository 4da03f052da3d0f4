/** What a batch changed, as bytes: for the changelog and for the store alike, encoded once. */
import type { ChangeVisitor, CompanyRows } from '../domain/company-rows.js';
import type { CompanyRow, DatasetRow, HoldRow, InfoRow } from '../domain/rows.js';
import { NO_HEADERS } from '../lib/record.js';
import { ByteWriter } from './byte-writer.js';
import type { StateChange } from './partition-meta.js';
import {
  writeCompanyRow,
  writeDatasetRow,
  writeHoldRow,
  writeInfoRow,
  writePositionRow,
  type PositionRow,
} from './row-codec.js';
import { POSITION_KEY, writeCompanyKey, writeDatasetKey, writeHoldKey, writeInfoKey } from './row-keys.js';

export type { StateChange } from './partition-meta.js';

/**
 * Every row changed since the last `settle` of its company, and last the position row.
 *
 * @param priorPosition what the store has; null where it has none yet
 */
export function encodeChanges(
  touched: Iterable<CompanyRows>,
  position: PositionRow,
  priorPosition: PositionRow | null,
): StateChange[] {
  const encoder = new ChangeEncoder();
  for (const rows of touched) rows.visitChanges(encoder);
  encoder.position(position, priorPosition);
  return encoder.changes;
}

/** A row that was made and unmade within the batch is none: neither the store nor the changelog ever had it. */
class ChangeEncoder implements ChangeVisitor {
  readonly changes: StateChange[] = [];
  readonly #to = new ByteWriter();

  company(companyId: string, prior: CompanyRow | null, now: CompanyRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeCompanyKey(to, companyId);
    this.#add(to.end(), prior, now, writeCompanyRow);
  }

  info(companyId: string, prior: InfoRow | null, now: InfoRow | null): void {
    if (prior === null && now === null) return;
    const to = this.#to;
    to.begin();
    writeInfoKey(to, companyId);
    this.#add(to.end(), prior, now, writeInfoRow);
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

  position(now: PositionRow, prior: PositionRow | null): void {
    this.#add(POSITION_KEY, prior, now, writePositionRow);
  }

  #add<T>(key: Buffer, prior: T | null, now: T | null, write: (to: ByteWriter, row: T) => void): void {
    const value = this.#encoded(now, write);
    this.changes.push({ key, value, prior: this.#encoded(prior, write), headers: NO_HEADERS });
  }

  #encoded<T>(row: T | null, write: (to: ByteWriter, row: T) => void): Buffer | null {
    if (row === null) return null;
    this.#to.begin();
    write(this.#to, row);
    return this.#to.end();
  }
}
