/** Which rows of its company an event is about, so that the rows of a whole batch can be loaded in one read. */
import type { InputEvent } from './events.js';

export interface RowsNeeded {
  info(): void;
  dataset(datasetId: string): void;
  hold(holdId: string): void;
}

/** Names the rows that `transition` will look at, in addition to the company row, which every event needs. */
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
  }
}
