/**
 * Which rows of its company an event is about, so that the rows of a whole batch can be loaded in one read; and how many
 * it changes, by which a transaction is bounded.
 */
import { assertNever } from '../lib/assert-never.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent } from './events.js';

export interface RowsNeeded {
  info(): void;
  dataset(datasetId: string): void;
  hold(holdId: string): void;
}

/** Names the rows that `transition` will look at, in addition to the company row, which every event needs. */
export function visitRowsNeeded({ payload, repairs }: InputEvent, visitor: RowsNeeded): void {
  for (const holdId of repairs) visitor.hold(holdId);
  switch (payload.kind) {
    case 'status':
      visitor.dataset(payload.datasetId);
      return;
    case 'manifest':
      visitor.info();
      for (const { datasetId } of payload.datasets) visitor.dataset(datasetId);
      return;
    case 'unlinked':
      visitor.info();
      return;
    case 'deleted':
    case 'announced-elsewhere':
      return;
    default:
      assertNever(payload);
  }
}

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
      return rows.whole ? rows.size : COMPANY_AND_INFO_ROW;
    case 'status':
      return COMPANY_AND_INFO_ROW;
  }
}
