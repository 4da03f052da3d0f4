/** How many rows an event changes, by which a transaction is bounded. */
import type { CompanyRows } from '../domain/company-rows.js';
import type { InputEvent } from '../domain/events.js';

const COMPANY_AND_INFO_ROW = 2;

/** Roughly: rare changes, of holds lifted and early datasets forgotten, are not counted. */
export function rowsChangedBy({ payload }: InputEvent, rows: CompanyRows): number {
  switch (payload.kind) {
    case 'deleted':
    case 'announced-elsewhere':
      return rows.size;
    case 'manifest':
      return payload.datasets.length + COMPANY_AND_INFO_ROW;
    case 'unlinked':
      // One that ends links looks at every dataset of the company.
      return rows.allLoaded ? rows.size : COMPANY_AND_INFO_ROW;
    case 'status':
      return COMPANY_AND_INFO_ROW;
  }
}
