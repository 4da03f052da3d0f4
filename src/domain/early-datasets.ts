/** The bound on datasets that have a status and that no manifest has named yet. */
import type { CompanyRows } from './company-rows.js';
import { FORGOTTEN_EARLY_DATASETS } from './limits.js';
import type { PendingCompany } from './rows.js';

/**
 * Forgets the early datasets heard of least recently (lowest offset of the latest status). The company must be whole.
 * A forgotten revision is the one thing that could let a later stale status count; `forgotten` keeps that visible.
 */
export function forgetEarlyDatasets(rows: CompanyRows): void {
  const early: { datasetId: string; offset: number }[] = [];
  for (const [datasetId, row] of rows.datasets()) if (row.place === null) early.push({ datasetId, offset: row.offset });
  early.sort((a, b) => a.offset - b.offset);
  const forgotten = early.slice(0, FORGOTTEN_EARLY_DATASETS);
  for (const { datasetId } of forgotten) rows.setDataset(datasetId, null);

  const company = rows.company as PendingCompany;
  rows.setCompany({
    ...company,
    early: company.early - forgotten.length,
    forgotten: company.forgotten + forgotten.length,
  });
}
