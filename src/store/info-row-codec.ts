/** Info rows: only manifests and unlinking write them. Read with those events and for the announcement. */
import type { Connection, InfoRow, Link } from '../domain/rows.js';

import type { ByteWriter } from '../lib/byte-writer.js';
import { beginRow, readRow, type RowReader } from './row-version.js';

const SEALED = 0b01;
const ENDED = 0b10;

export function writeInfoRow(to: ByteWriter, row: InfoRow): void {
  beginRow(to);
  to.id(row.clientId);
  to.text(row.companyName);
  to.varint(row.connections.length);
  for (const { connectionId, sourceType } of row.connections) {
    to.id(connectionId);
    to.text(sourceType);
  }
  to.varint(row.links.length);
  for (const link of row.links) writeLink(to, link);
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeInfoRow(bytes: Buffer): InfoRow {
  const from = readRow(bytes, 'info row');
  const clientId = from.id();
  const companyName = from.text();
  const connections: Connection[] = [];
  for (let left = from.varint(); left > 0; left--)
    connections.push({ connectionId: from.id(), sourceType: from.text() });
  const links: Link[] = [];
  for (let left = from.varint(); left > 0; left--) links.push(readLink(from));
  from.end();
  return { clientId, companyName, connections, links };
}

function writeLink(to: ByteWriter, link: Link): void {
  to.id(link.linkId);
  to.varint(link.connection);
  to.byte((link.sealed ? SEALED : 0) | (link.endedAt === null ? 0 : ENDED));
  if (link.endedAt !== null) to.varint(link.endedAt);
}

function readLink(from: RowReader): Link {
  const linkId = from.id();
  const connection = from.varint();
  const flags = from.byte();
  if (flags > (SEALED | ENDED)) throw from.malformed(`link flags ${flags}`);
  return {
    linkId,
    connection,
    sealed: (flags & SEALED) !== 0,
    endedAt: (flags & ENDED) === 0 ? null : from.varint(),
  };
}
