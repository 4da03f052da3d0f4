/** What unlinking a connection (`ConnectionUnlinked`) does: it ends the links of that connection seen so far. */
import type { CompanyRows } from './company-rows.js';
import type { ConnectionUnlinked, InputEvent } from './events.js';
import type { PendingCompany } from './rows.js';
import { effectiveClass, isLaterFinished } from './tally.js';
import { withProgress } from './pending-company.js';

/** Positions of the links that the event ends; none where no link of the connection was seen or all have ended. */
export function linksToEnd(rows: CompanyRows, unlinked: ConnectionUnlinked): number[] {
  if (rows.company === null) return [];
  const info = rows.info;
  if (info === null) return [];
  const connection = info.connections.findIndex((c) => c.connectionId === unlinked.connectionId);
  return info.links.flatMap((link, i) => (link.connection === connection && link.endedAt === null ? [i] : []));
}

/** Ends the links given (at least one). The company must be whole: every unfinished dataset of them is recounted. */
export function endLinks(rows: CompanyRows, event: InputEvent, ending: readonly number[]): void {
  const company = rows.company as PendingCompany;
  const info = rows.info;
  if (info === null) throw new Error(`company ${rows.companyId} has links and no info row`);

  let { endedLinks, unsealed } = company;
  const links = [...info.links];
  for (const i of ending) {
    const link = links[i];
    if (link === undefined) throw new RangeError(`company ${rows.companyId} has no link ${i}`);
    if (!link.sealed) unsealed--;
    endedLinks |= 1n << BigInt(i);
    links[i] = { ...link, endedAt: event.offset };
  }
  rows.setInfo({ ...info, clientId: event.clientId, links });

  let unfinished = 0;
  let laterFinished = 0;
  for (const [, dataset] of rows.datasets()) {
    if (dataset.place !== null && effectiveClass(dataset, endedLinks) === 'in-progress') unfinished++;
    if (isLaterFinished(dataset, endedLinks)) laterFinished++;
  }
  rows.setCompany(withProgress({ ...company, endedLinks, unsealed, unfinished, laterFinished }, event.timestamp));
}
