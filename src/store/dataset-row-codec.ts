/**
 * Dataset rows: the most numerous rows, and the most often written. A flags byte says which fields follow.
 *
 *     version flags (status code | status text) [revision] offset timestamp [link connection dataType]
 */
import type { DatasetPlace, DatasetRow } from '../domain/rows.js';
import { CODED_STATUSES } from '../domain/statuses.js';

import type { ByteWriter } from '../lib/byte-writer.js';
import { type RowReader, UnknownRowVersionError, beginRow, readRow } from './row-version.js';

const NAMED = 0b0001;
const STATUS_AS_TEXT = 0b0010;
const REVISION_SHIFT = 2;
const REVISION_MASK = 0b11;
const REVISION = { none: 0, unsigned: 1, negative: 2, int64: 3 } as const;
const ALL_FLAGS = 0b1111;
/** Index of the flags byte, after the version. */
const FLAGS_AT = 1;

const codes = new Map(CODED_STATUSES.map((status, code) => [status, code]));

export function writeDatasetRow(to: ByteWriter, row: DatasetRow): void {
  const { place, status, revision } = row;
  const statusCode = codes.get(status);
  const revisionKind = revisionKindOf(revision);

  beginRow(to);
  to.byte(
    (place === null ? 0 : NAMED) | (statusCode === undefined ? STATUS_AS_TEXT : 0) | (revisionKind << REVISION_SHIFT),
  );
  if (statusCode === undefined) to.text(status);
  else to.byte(statusCode);
  if (typeof revision === 'bigint') to.int64(revision);
  else if (revision !== null) to.varint(revision >= 0 ? revision : -1 - revision);
  to.varint(row.offset);
  to.signedVarint(row.timestamp);
  if (place === null) return;
  to.varint(place.link);
  to.varint(place.connection);
  to.text(place.dataType);
}

/** Whether the row's status has no code: a word added later, or an unknown one. Reads only the first bytes. */
export function hasStatusText(bytes: Buffer): boolean {
  return ((bytes[FLAGS_AT] ?? 0) & STATUS_AS_TEXT) !== 0;
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeDatasetRow(bytes: Buffer): DatasetRow {
  const from = readRow(bytes, 'dataset row');
  const flags = from.byte();
  if (flags > ALL_FLAGS) throw from.malformed(`flags ${flags}`);
  const status = (flags & STATUS_AS_TEXT) === 0 ? statusOf(from.byte()) : from.text();
  const revision = readRevision(from, (flags >> REVISION_SHIFT) & REVISION_MASK);
  const offset = from.varint();
  const timestamp = from.signedVarint();
  const place = (flags & NAMED) === 0 ? null : readPlace(from);
  from.end();
  return { place, status, revision, offset, timestamp };
}

function readPlace(from: RowReader): DatasetPlace {
  return { link: from.varint(), connection: from.varint(), dataType: from.text() };
}

function revisionKindOf(revision: DatasetRow['revision']): number {
  if (revision === null) return REVISION.none;
  if (typeof revision === 'bigint') return REVISION.int64;
  return revision >= 0 ? REVISION.unsigned : REVISION.negative;
}

function readRevision(from: RowReader, kind: number): DatasetRow['revision'] {
  switch (kind) {
    case REVISION.none:
      return null;
    case REVISION.unsigned:
      return from.varint();
    case REVISION.negative:
      return -1 - from.varint();
    case REVISION.int64:
      return from.int64();
    default:
      throw from.malformed(`revision kind ${kind}`);
  }
}

function statusOf(code: number): string {
  const status = CODED_STATUSES[code];
  if (status === undefined) throw new UnknownRowVersionError('dataset status code', code);
  return status;
}
