/** What a manifest (`LinkSyncQueued`) does: it names datasets, opens or extends its link, and may seal it. */
import type { CompanyRows } from './company-rows.js';
import type { InputEvent, LinkSyncQueued } from './events.js';
import { MAX_NAMED_DATASETS } from './limits.js';
import type { Connection, InfoRow, Link, PendingCompany } from './rows.js';
import { countDataset } from './tally.js';
import { NEW_COMPANY, withProgress } from './pending-company.js';

/** Whether the manifest would bring the company over MAX_NAMED_DATASETS. Needs the rows of its datasets. */
export function namesTooManyDatasets(rows: CompanyRows, manifest: LinkSyncQueued): boolean {
  const named = (rows.company as PendingCompany | null)?.named ?? 0;
  if (named + manifest.datasets.length <= MAX_NAMED_DATASETS) return false;
  const added = new Set<string>();
  for (const { datasetId } of manifest.datasets)
    if ((rows.dataset(datasetId)?.place ?? null) === null) added.add(datasetId);
  return named + added.size > MAX_NAMED_DATASETS;
}

/** Applies a manifest that is not too large to a company that is pending or new. */
export function applyManifest(rows: CompanyRows, event: InputEvent, manifest: LinkSyncQueued): void {
  const { info, connection, link, sealing } = nameLink(rows.info, event, manifest);
  rows.setInfo(info);

  let company = (rows.company as PendingCompany | null) ?? NEW_COMPANY;
  company = { ...company, links: info.links.length, unsealed: company.unsealed + sealing };
  for (const { datasetId, dataType } of manifest.datasets) {
    const before = rows.dataset(datasetId);
    const place = { link, connection, dataType };
    const after =
      before === null
        ? { place, status: 'Queued', revision: null, offset: event.offset, timestamp: event.timestamp }
        : { ...before, place };
    rows.setDataset(datasetId, after);
    company = countDataset(company, before, after);
  }
  rows.setCompany(withProgress(company, event.timestamp));
}

interface NamedLink {
  readonly info: InfoRow;
  /** Position of the manifest's own connection. */
  readonly connection: number;
  /** Position of the manifest's link. */
  readonly link: number;
  /** What the manifest adds to the number of unsealed links: 1 opens, -1 seals, 0 leaves as it is. */
  readonly sealing: number;
}

function nameLink(before: InfoRow | null, event: InputEvent, manifest: LinkSyncQueued): NamedLink {
  const connections: Connection[] = before === null ? [] : [...before.connections];
  const links: Link[] = before === null ? [] : [...before.links];

  const named = { connectionId: manifest.connectionId, sourceType: manifest.sourceType };
  let connection = connections.findIndex((c) => c.connectionId === manifest.connectionId);
  if (connection === -1) connection = connections.push(named) - 1;
  else connections[connection] = named;

  let sealing = 0;
  let link = links.findIndex((l) => l.linkId === manifest.linkId);
  const known = links[link];
  if (known === undefined) {
    link = links.push({ linkId: manifest.linkId, connection, sealed: manifest.isFinal, endedAt: null }) - 1;
    if (!manifest.isFinal) sealing = 1;
  } else if (manifest.isFinal && !known.sealed) {
    links[link] = { ...known, sealed: true };
    if (known.endedAt === null) sealing = -1;
  }

  const info = { clientId: event.clientId, companyName: manifest.companyName, connections, links };
  return { info, connection, link, sealing };
}
