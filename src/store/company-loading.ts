/** Loads all rows of one company into memory. */
import { CompanyRows } from '../domain/company-rows.js';
import { MAX_LISTED_HOLDS } from '../domain/limits.js';
import { countAgain } from '../domain/recount.js';
import type { KeyValueReads, Pair } from './key-value-store.js';
import { companyKey, datasetPrefix, firstSyncKey, holdPrefix, infoKey, KEY_KIND, parseRowKey } from './row-keys.js';
import { fill } from './row-loading.js';

/**
 * Loads every row of a company except its holds, and counts the company again (`countAgain`). A row already in memory,
 * changed or known not to exist, overrides the stored row.
 *
 * @throws what the store or the row codec throws
 */
export async function loadAllRows(store: KeyValueReads, rows: CompanyRows): Promise<void> {
  if (rows.allLoaded) return;
  const { companyId } = rows;
  const [[company, info, firstSync], datasets] = await Promise.all([
    store.read([companyKey(companyId), infoKey(companyId), firstSyncKey(companyId)]),
    store.scan(datasetPrefix(companyId)),
  ]);
  fill(rows, KEY_KIND.company, '', company ?? null);
  fill(rows, KEY_KIND.info, '', info ?? null);
  fill(rows, KEY_KIND.firstSync, '', firstSync ?? null);
  for (const { key, value } of datasets) {
    const parsed = parseRowKey(key);
    if (parsed.kind === 'dataset') fill(rows, KEY_KIND.dataset, parsed.datasetId, value);
  }
  rows.allLoaded = true;
  countAgain(rows);
}

/**
 * Loads the holds of a company, `maxHolds` at most. A hold already in memory overrides the stored row. The company row
 * must be loaded.
 *
 * @throws what the store or the row codec throws
 */
export async function loadHolds(store: KeyValueReads, rows: CompanyRows, maxHolds?: number): Promise<void> {
  if (rows.allHoldsLoaded) return;
  fillHolds(rows, await store.scan(holdPrefix(rows.companyId), maxHolds));
  if (maxHolds === undefined) rows.allHoldsRead = true;
}

/** Puts stored holds into memory. @returns their ids */
export function fillHolds(rows: CompanyRows, holds: readonly Pair[]): string[] {
  return holds.map(({ key, value }) => {
    const parsed = parseRowKey(key);
    if (parsed.kind !== 'hold') throw new Error(`a list of hold rows has a ${parsed.kind} row`);
    fill(rows, KEY_KIND.hold, parsed.holdId, value);
    return parsed.holdId;
  });
}

/** Whether the store has the company. Reads one row. */
export async function hasCompany(store: KeyValueReads, companyId: string): Promise<boolean> {
  const [company] = await store.read([companyKey(companyId)]);
  return company != null;
}

/**
 * Every row of a company except holds beyond MAX_LISTED_HOLDS, for a read-only caller; null if the company has none.
 *
 * @throws what the store or the row codec throws
 */
export async function readCompany(store: KeyValueReads, companyId: string): Promise<CompanyRows | null> {
  const [company] = await store.read([companyKey(companyId)]);
  if (company == null) return null;
  const rows = new CompanyRows(companyId);
  await loadAllRows(store, rows);
  await loadHolds(store, rows, MAX_LISTED_HOLDS);
  return rows;
}
