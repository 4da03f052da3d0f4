/** Applies a manifest (`LinkSyncQueued`): it names datasets, opens or extends its link, and may seal the link. */
import {
  exceedsAnnouncement,
  growthByDataset,
  growthByLink,
  growthByManifest,
  mostGrowthByManifest,
} from './announcement-size.js';
import type { CompanyRows } from './company-rows.js';
import type { InputEvent, LinkSyncQueued } from './events.js';
import { MAX_CONNECTIONS, MAX_LINKS, MAX_NAMED_DATASETS, type LimitExceeded } from './limits.js';
import { NEW_COMPANY, withProgress } from './pending-company.js';
import type { PendingCompany } from './rows.js';
import { Tally } from './tally.js';

/**
 * The limit that a manifest would exceed; null if it is allowed. The info row and the rows of its datasets must be
 * loaded, and the company must be measured.
 */
export function exceededBy(rows: CompanyRows, manifest: LinkSyncQueued): LimitExceeded | null {
  const company = rows.company as PendingCompany | null;
  if (namesTooManyDatasets(rows, company, manifest))
    return beyond('too-many-datasets', 'datasets named by manifests', MAX_NAMED_DATASETS);
  const info = rows.lookUpInfo();
  if (info.linkAt(manifest.linkId) === undefined && info.links.length >= MAX_LINKS)
    return beyond('too-large', 'links', MAX_LINKS);
  if (info.connectionAt(manifest.connectionId) === undefined && info.connections.length >= MAX_CONNECTIONS)
    return beyond('too-large', 'connections', MAX_CONNECTIONS);
  // Nearly every manifest is far from the limit. It must not cost a second lookup of every dataset.
  if (exceedsAnnouncement(company, mostGrowthByManifest(rows, manifest)) === null) return null;
  return exceedsAnnouncement(company, growthByManifest(rows, manifest));
}

function beyond(code: LimitExceeded['code'], noun: string, max: number): LimitExceeded {
  return { code, why: `its company would have more than ${max} ${noun}` };
}

function namesTooManyDatasets(rows: CompanyRows, company: PendingCompany | null, manifest: LinkSyncQueued): boolean {
  const named = company?.named ?? 0;
  if (named + manifest.datasets.length <= MAX_NAMED_DATASETS) return false;
  const added = new Set<string>();
  for (const { datasetId } of manifest.datasets)
    if ((rows.dataset(datasetId)?.place ?? null) === null) added.add(datasetId);
  return named + added.size > MAX_NAMED_DATASETS;
}

/** Applies a manifest, which `exceededBy` allows, to a company that is pending or new. */
export function applyManifest(rows: CompanyRows, event: InputEvent, manifest: LinkSyncQueued): void {
  let growth = growthByLink(rows, manifest);
  const { connection, link, sealing } = nameLink(rows, event, manifest);
  const info = rows.lookUpInfo();

  const company = (rows.company as PendingCompany | null) ?? NEW_COMPANY;
  const tally = new Tally(company.endedLinks);
  for (const { datasetId, dataType } of manifest.datasets) {
    const before = rows.dataset(datasetId);
    const place = { link, connection, dataType };
    const after =
      before === null
        ? { place, status: 'Queued', revision: null, offset: event.offset, timestamp: event.timestamp }
        : { ...before, place };
    growth += growthByDataset(datasetId, before, after, info);
    tally.change(before, after);
    rows.setDataset(datasetId, after);
  }
  if (company.links === 0) rows.setFirstSync({ linkedAt: event.timestamp, failures: 0 });
  const announcementBytes = company.announcementBytes + growth;
  const unsealed = company.unsealed + sealing;
  const named = { ...tally.addedTo(company), links: info.links.length, unsealed, announcementBytes };
  rows.setCompany(withProgress(named, event.timestamp));
}

interface NamedLink {
  /** Position of the manifest's own connection. */
  readonly connection: number;
  /** Position of the manifest's link. */
  readonly link: number;
  /** The change to the number of unsealed links: 1 if the manifest opens a link, -1 if it seals one, otherwise 0. */
  readonly sealing: number;
}

function nameLink(rows: CompanyRows, event: InputEvent, manifest: LinkSyncQueued): NamedLink {
  const { linkId, connectionId, sourceType, companyName, isFinal } = manifest;
  const info = rows.editInfo();
  info.clientId = event.clientId;
  info.companyName = companyName;
  const connection = info.nameConnection({ connectionId, sourceType });

  const position = info.linkAt(linkId);
  const known = position === undefined ? undefined : info.links[position];
  if (position === undefined || known === undefined) {
    const link = info.addLink({ linkId, connection, sealed: isFinal, endedAt: null });
    return { connection, link, sealing: isFinal ? 0 : 1 };
  }
  if (!isFinal || known.sealed) return { connection, link: position, sealing: 0 };
  info.sealLink(position);
  return { connection, link: position, sealing: known.endedAt === null ? -1 : 0 };
}
