/**
 * How many bytes the announcement of a company would take. The result is an upper bound. Each change updates it at a
 * fixed cost.
 *
 * An announcement contains no links, but the info row contains links and connections. This file counts both, so the
 * bound holds for the info row too. Every known status word counts as the longest one. So only an unknown, longer word
 * changes the bound.
 */
import type { CompanyRows } from './company-rows.js';
import type { DatasetStatusChanged, LinkSyncQueued } from './events.js';
import { MAX_ANNOUNCEMENT_BYTES, MAX_TEXT_BYTES, utf8Bytes, type LimitExceeded } from './limits.js';
import type { Connection, DatasetRow, InfoRow, PendingCompany } from './rows.js';
import { isKnownStatus, KNOWN_STATUSES } from './statuses.js';

/** An Avro number up to 2^53, and the length prefix of a text up to MAX_TEXT_BYTES. */
const NUMBER_BYTES = 8;
const LENGTH_BYTES = 2;
/** The same for a text of any length. */
const MAX_LENGTH_BYTES = 2 * LENGTH_BYTES;
/** UTF-8 bytes of one UTF-16 unit. */
const MAX_BYTES_OF_A_CHAR = 3;
/** Its id, data type, connection and status. */
const TEXTS_OF_A_DATASET = 4;
/** A link's numbers in the info row: the position of its connection, its flags, and the offset that ended it. */
const LINK_NUMBER_BYTES = 3 + 1 + NUMBER_BYTES;
const STATUS_BYTES = Math.max(...KNOWN_STATUSES.map((word) => Buffer.byteLength(word)));
/** The companyId is in the value, in the key and in two headers. The others: clientId, companyName, traceparent. */
const LONG_TEXTS = 7;
/** Two topic names of 249 bytes, the application id, numbers, the event id, and the header names. */
const OTHER_FIXED_BYTES = 1_024;
/** The part of an announcement that connections, links and datasets do not change. */
export const FIXED_ANNOUNCEMENT_BYTES = LONG_TEXTS * MAX_TEXT_BYTES + OTHER_FIXED_BYTES;

/** Whether the bound of a pending company is known, so that the size of a change can be added to it. */
export function isMeasured({ announcementBytes, links }: PendingCompany): boolean {
  return announcementBytes > 0 || links === 0;
}

/** Measures all rows of a company, for `PendingCompany.announcementBytes`. All of its rows must be loaded. */
export function measure(rows: CompanyRows): number {
  const { info } = rows;
  if (info === null) return 0;
  let bytes = 0;
  for (const connection of info.connections) bytes += connectionBytes(connection);
  for (const { linkId } of info.links) bytes += linkBytes(linkId);
  for (const [datasetId, row] of rows.datasets()) bytes += datasetBytes(datasetId, row, info);
  return bytes;
}

/**
 * At least as many bytes as a manifest adds to the bound, counted without looking at any row. The rows of its datasets
 * must be loaded: the memory that they take limits the length of their status words.
 */
export function mostGrowthByManifest(rows: CompanyRows, { linkId, connectionId, ...manifest }: LinkSyncQueued): number {
  const ofOne = MAX_LENGTH_BYTES * TEXTS_OF_A_DATASET + STATUS_BYTES + NUMBER_BYTES;
  let chars = rows.bytes + linkId.length + connectionId.length + manifest.sourceType.length;
  for (const { datasetId, dataType } of manifest.datasets)
    chars += datasetId.length + dataType.length + connectionId.length;
  return chars * MAX_BYTES_OF_A_CHAR + (manifest.datasets.length + 1) * ofOne + LINK_NUMBER_BYTES;
}

/** The bytes that a manifest adds to the bound. The rows of its datasets and the info row must be loaded. */
export function growthByManifest(rows: CompanyRows, manifest: LinkSyncQueued): number {
  let growth = growthByLink(rows, manifest);
  const info = rows.lookUpInfo();
  const ofConnection = textBytes(manifest.connectionId);
  // If a manifest names a dataset twice, its last entry counts.
  const datasets = new Map(manifest.datasets.map(({ datasetId, dataType }) => [datasetId, dataType]));
  for (const [datasetId, dataType] of datasets) {
    const before = rows.dataset(datasetId);
    growth += textBytes(datasetId) + textBytes(dataType) + ofConnection + statusBytes(before?.status) + NUMBER_BYTES;
    if (before !== null) growth -= datasetBytes(datasetId, before, info);
  }
  return growth;
}

/** The part of `growthByManifest` that its link and connection add. Call it before they are in the info row. */
export function growthByLink(rows: CompanyRows, { linkId, connectionId, sourceType }: LinkSyncQueued): number {
  const info = rows.lookUpInfo();
  const known = info.connections[info.connectionAt(connectionId) ?? -1];
  const ofLink = info.linkAt(linkId) === undefined ? linkBytes(linkId) : 0;
  return ofLink + connectionBytes({ connectionId, sourceType }) - (known === undefined ? 0 : connectionBytes(known));
}

/** The part of `growthByManifest` that one dataset adds. */
export function growthByDataset(
  datasetId: string,
  before: DatasetRow | null,
  after: DatasetRow,
  info: InfoRow,
): number {
  return datasetBytes(datasetId, after, info) - (before === null ? 0 : datasetBytes(datasetId, before, info));
}

/** The bytes that an applied status adds to the bound. A dataset that no manifest has named adds nothing. */
export function growthByStatus(rows: CompanyRows, { datasetId, status }: DatasetStatusChanged): number {
  const before = rows.dataset(datasetId);
  return before === null || before.place === null ? 0 : statusBytes(status) - statusBytes(before.status);
}

/**
 * The limit that the company would exceed if it grows by `growth` bytes; null if the growth is allowed. A company that
 * was too large before this limit existed may still shrink.
 */
export function exceedsAnnouncement(before: PendingCompany | null, growth: number): LimitExceeded | null {
  const bytes = FIXED_ANNOUNCEMENT_BYTES + (before?.announcementBytes ?? 0) + growth;
  if (growth <= 0 || bytes <= MAX_ANNOUNCEMENT_BYTES) return null;
  const why = `its announcement could take ${bytes} bytes, and at most ${MAX_ANNOUNCEMENT_BYTES} are allowed`;
  return { code: 'too-large', why };
}

/** Whether a status word takes more bytes than every known word. */
export function isLongStatus(status: string): boolean {
  return statusBytes(status) > LENGTH_BYTES + STATUS_BYTES;
}

function connectionBytes({ connectionId, sourceType }: Connection): number {
  return textBytes(connectionId) + textBytes(sourceType);
}

function linkBytes(linkId: string): number {
  return textBytes(linkId) + LINK_NUMBER_BYTES;
}

function datasetBytes(datasetId: string, { place, status }: DatasetRow, { connections }: InfoRow): number {
  if (place === null) return 0;
  const connectionId = connections[place.connection]?.connectionId ?? '';
  const texts = textBytes(datasetId) + textBytes(place.dataType) + textBytes(connectionId);
  return texts + statusBytes(status) + NUMBER_BYTES;
}

function statusBytes(status = 'Queued'): number {
  if (isKnownStatus(status)) return LENGTH_BYTES + STATUS_BYTES;
  return Math.max(LENGTH_BYTES + STATUS_BYTES, textBytes(status));
}

/** A text over MAX_TEXT_BYTES may need a longer length prefix; a release without that limit may have written one. */
function textBytes(text: string): number {
  const bytes = utf8Bytes(text);
  return bytes + (bytes <= MAX_TEXT_BYTES ? LENGTH_BYTES : MAX_LENGTH_BYTES);
}
