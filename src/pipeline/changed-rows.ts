/** Estimates how many rows an event changes; that number limits a transaction. */
import { assertNever } from '../lib/assert-never.js';
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent } from '../domain/events.js';

const COMPANY_AND_INFO_ROW = 2;

/** The approximate number of changed rows. Leaves out rare changes: lifted holds and forgotten early datasets. */
export function rowsChangedBy({ payload }: InputEvent, rows: CompanyRows): number {
  switch (payload.kind) {
    case 'deleted':
    case 'announced-elsewhere':
      return rows.size;
    case 'manifest':
      return payload.datasets.length + COMPANY_AND_INFO_ROW;
    case 'unlinked':
      // An event that ends links reads every dataset of the company.
      return rows.allLoaded ? rows.size : COMPANY_AND_INFO_ROW;
    case 'status':
      return COMPANY_AND_INFO_ROW;
    default:
      return assertNever(payload);
  }
}
