/** Applies the unlinking of a connection (`ConnectionUnlinked`): ends all links of that connection seen so far. */
import type { CompanyRows } from './company-rows.js';
import type { ConnectionUnlinked, InputEvent } from './events.js';
import type { Link, PendingCompany } from './rows.js';
import { effectiveClass, isLaterFinished } from './tally.js';
import { withProgress } from './pending-company.js';

/** Positions of the links that the event ends. Empty if no link of the connection was seen or if all have ended. */
export function linksToEnd(rows: CompanyRows, unlinked: ConnectionUnlinked): readonly number[] {
  return rows.company === null ? [] : rows.lookUpInfo().runningLinksOf(unlinked.connectionId);
}

/** Ends the links of a connection and recounts every dataset. All rows of the company must be loaded. */
export function endLinks(rows: CompanyRows, event: InputEvent, { connectionId }: ConnectionUnlinked): void {
  const company = rows.company as PendingCompany;
  const info = rows.editInfo();
  info.clientId = event.clientId;

  let { endedLinks, unsealed } = company;
  for (const position of info.runningLinksOf(connectionId)) {
    if (!(info.links[position] as Link).sealed) unsealed--;
    endedLinks |= 1n << BigInt(position);
  }
  info.endLinksOf(connectionId, event.offset);

  let unfinished = 0;
  let laterFinished = 0;
  for (const [, dataset] of rows.datasets()) {
    if (dataset.place !== null && effectiveClass(dataset, endedLinks) === 'in-progress') unfinished++;
    if (isLaterFinished(dataset, endedLinks)) laterFinished++;
  }
  rows.setCompany(withProgress({ ...company, endedLinks, unsealed, unfinished, laterFinished }, event.timestamp));
}
