/**
 * Finds which rows of its company an event needs, so that one read can load the rows of a whole batch. Also estimates
 * how many rows the event changes, which limits a transaction.
 */
import { assertNever } from '../lib/assert-never.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent } from './events.js';

export interface RowsNeeded {
  info(): void;
  firstSync(): void;
  dataset(datasetId: string): void;
  hold(holdId: string): void;
}

/** Names the rows that `transition` will read, in addition to the company row, which every event needs. */
export function visitRowsNeeded({ payload, repairs }: InputEvent, visitor: RowsNeeded): void {
  for (const holdId of repairs) visitor.hold(holdId);
  switch (payload.kind) {
    case 'status':
      visitor.dataset(payload.datasetId);
      return;
    case 'manifest':
      visitor.info();
      visitor.firstSync();
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

/** The company row, the info row and the first-sync row. */
const ROWS_OF_ITS_OWN = 3;

/** An estimate: it counts every hold that the event names, and not the forgotten early datasets, which are rare. */
export function rowsChangedBy({ payload, repairs }: InputEvent, rows: CompanyRows): number {
  return rowsOf(payload, rows) + repairs.length;
}

function rowsOf(payload: InputEvent['payload'], rows: CompanyRows): number {
  switch (payload.kind) {
    case 'deleted':
    case 'announced-elsewhere':
      return rows.size;
    case 'manifest':
      return payload.datasets.length + ROWS_OF_ITS_OWN;
    case 'unlinked':
      // An unlink that ends links reads every dataset of the company.
      return rows.allLoaded ? rows.size : ROWS_OF_ITS_OWN;
    case 'status':
      return ROWS_OF_ITS_OWN;
  }
}
