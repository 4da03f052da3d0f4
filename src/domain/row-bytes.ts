/**
 * The approximate memory of a company's rows, in bytes: the unit that limits the cache and the load of a batch. It is
 * an estimate, because V8 does not report the size of an object. On a 64-bit Node 20, with ids of 36 characters, a
 * company of 20 datasets takes 6,700 bytes and counts 7,400 (`npm run bench:costs`). A text counts one byte for each
 * character; a text with characters outside Latin-1 takes two.
 */
import type { Connection, DatasetRow, HoldRow, InfoRow, Link } from './rows.js';

/** A company in the cache: its company row, its maps and its cache entry. */
export const COMPANY_BYTES = 1_000;
/** A row's entry in its map. A row that is known not to exist has an entry too. */
export const ENTRY_BYTES = 130;
const DATASET_ROW_BYTES = 130;
const HOLD_ROW_BYTES = 60;
const INFO_ROW_BYTES = 150;
const CONNECTION_BYTES = 80;
const LINK_BYTES = 100;

export function bytesOfDataset({ place, status }: DatasetRow): number {
  return DATASET_ROW_BYTES + status.length + (place === null ? 0 : place.dataType.length);
}

export function bytesOfHold({ code }: HoldRow): number {
  return HOLD_ROW_BYTES + code.length;
}

export function bytesOfInfo({ clientId, companyName, connections, links }: InfoRow): number {
  let bytes = INFO_ROW_BYTES + clientId.length + companyName.length;
  for (const connection of connections) bytes += bytesOfConnection(connection);
  for (const link of links) bytes += bytesOfLink(link);
  return bytes;
}

export function bytesOfConnection({ connectionId, sourceType }: Connection): number {
  return CONNECTION_BYTES + connectionId.length + sourceType.length;
}

export function bytesOfLink({ linkId }: Link): number {
  return LINK_BYTES + linkId.length;
}
