/** Which rows of its company an event needs. One read can then load the rows of a whole batch. */
import { assertNever } from '../lib/assert-never.js';
import type { InputEvent } from './events.js';

export interface RowsNeeded {
  info(): void;
  dataset(datasetId: string): void;
  hold(holdId: string): void;
}

/** Names the rows that `transition` will read, in addition to the company row, which every event needs. */
export function visitRowsNeeded(event: InputEvent, visitor: RowsNeeded): void {
  for (const holdId of event.repairs) visitor.hold(holdId);
  switch (event.payload.kind) {
    case 'status':
      visitor.dataset(event.payload.datasetId);
      return;
    case 'manifest':
      visitor.info();
      for (const { datasetId } of event.payload.datasets) visitor.dataset(datasetId);
      return;
    case 'unlinked':
      visitor.info();
      return;
    case 'deleted':
    case 'announced-elsewhere':
      return;
    default:
      assertNever(event.payload);
  }
}
