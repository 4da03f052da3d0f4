/**
 * Company rows. The outcome decides the fields after the version.
 *
 * A company announced elsewhere is written as an announced one without a Complete dataset. No announcement of this
 * processor looks like that. So a release that does not know this outcome can read the row, and announces nothing
 * either.
 *
 * A pending row counts datasets that only a later word finishes (`laterFinished`) as unfinished. One leading zero byte
 * in `endedLinks` says that such datasets exist. A release without those words ignores the byte. It continues from
 * numbers that are right for its own words, and drops the byte when it writes the row.
 *
 * `failureReported` is written as one byte of padding of the length of `endedLinks`. A release that does not know it
 * ignores that byte, and drops it when it writes the row.
 *
 * `announcementBytes` is written as padding of the row's nine numbers. Each varint has as many extra bytes as the next
 * base-6 digit of it says, lowest digit first. A release that does not know it reads the same numbers, and writes them
 * without padding. So the row itself shows that such a release was the last to write it.
 */
import { assertNever } from '../lib/assert-never.js';
import type { Policy } from '../domain/policy.js';
import type {
  AnnouncedCompany,
  CompanyAnnouncedElsewhere,
  CompanyRow,
  DeletedCompany,
  PendingCompany,
} from '../domain/rows.js';

import type { ByteWriter } from '../lib/byte-writer.js';
import { type RowReader, UnknownRowVersionError, beginRow, readRow } from './row-version.js';

/** Stored codes: never change one. */
const OUTCOME = { pending: 0, announced: 1, deleted: 2, pendingAndStalled: 3 } as const;
/** Index of the outcome byte, after the version. */
const OUTCOME_AT = 1;
const POLICY_CODE = { FIRST_DATASET: 0, ALL_DATASETS: 1 } as const satisfies Record<Policy, number>;

const PADDING_BASE = 6;
const PADDED_NUMBERS = 9;
/**
 * A number at or above this is not written, and is counted again when the row is read. No limit allows that many bytes.
 */
const ANNOUNCEMENT_BYTES_END = PADDING_BASE ** PADDED_NUMBERS;

interface Bits {
  readonly value: bigint;
  /** Whether the row has the recount mark. */
  readonly marked: boolean;
  /** Bytes of padding of the length. */
  readonly padding: number;
}

const NO_BITS = { value: 0n, marked: false } as const;
const MAX_PADDING_OF_BITS = 1;
const NO_DATASETS = { policy: 'ALL_DATASETS', named: 0, succeeded: 0, failed: 0, ended: 0 } as const;

export function writeCompanyRow(to: ByteWriter, row: CompanyRow): void {
  beginRow(to);
  switch (row.outcome) {
    case 'pending':
      return writePending(to, row);
    case 'announced':
      return writeAnnounced(to, row);
    case 'announced-elsewhere':
      return writeAnnounced(to, asAnnounced(row));
    case 'deleted':
      return writeDeleted(to, row);
    default:
      return assertNever(row);
  }
}

/** Whether the row belongs to a company that is neither announced nor deleted. Reads only its first bytes. */
export function isPendingCompany(bytes: Buffer): boolean {
  const outcome = bytes[OUTCOME_AT];
  return outcome === OUTCOME.pending || outcome === OUTCOME.pendingAndStalled;
}

/** @throws UnknownRowVersionError, CorruptStoreError */
export function decodeCompanyRow(bytes: Buffer): CompanyRow {
  const from = readRow(bytes, 'company row');
  const row = readOutcome(from);
  from.end();
  return row;
}

function readOutcome(from: RowReader): CompanyRow {
  const outcome = from.byte();
  switch (outcome) {
    case OUTCOME.pending:
      return readPending(from, false);
    case OUTCOME.pendingAndStalled:
      return readPending(from, true);
    case OUTCOME.announced:
      return readAnnounced(from);
    case OUTCOME.deleted:
      return { outcome: 'deleted', offset: from.varint(), timestamp: from.signedVarint() };
    default:
      throw new UnknownRowVersionError('company outcome code', outcome);
  }
}

function writePending(to: ByteWriter, row: PendingCompany): void {
  to.byte(row.stalled ? OUTCOME.pendingAndStalled : OUTCOME.pending);
  let digits = row.announcementBytes < ANNOUNCEMENT_BYTES_END ? row.announcementBytes : 0;
  for (const number of numbersOf(row)) {
    to.paddedVarint(number, digits % PADDING_BASE);
    digits = Math.floor(digits / PADDING_BASE);
  }
  to.paddedSignedVarint(row.progressHour, digits);
  writeBits(to, row.endedLinks, { marked: row.laterFinished !== 0, padding: row.failureReported ? 1 : 0 });
}

/** All padded numbers except the last one, which is signed. */
function numbersOf(row: PendingCompany): readonly number[] {
  const { named, unfinished, laterFinished, succeeded, early, forgotten, holds, links, unsealed } = row;
  return [named, unfinished + (laterFinished ?? 0), succeeded, early, forgotten, holds, links, unsealed];
}

function readPending(from: RowReader, stalled: boolean): PendingCompany {
  let announcementBytes = 0;
  let unit = 1;
  const counted = ({ value, padding }: { value: number; padding: number }): number => {
    if (padding >= PADDING_BASE) throw from.malformed(`${padding} bytes of padding`);
    announcementBytes += padding * unit;
    unit *= PADDING_BASE;
    return value;
  };
  const row = {
    outcome: 'pending',
    named: counted(from.paddedVarint()),
    unfinished: counted(from.paddedVarint()),
    succeeded: counted(from.paddedVarint()),
    early: counted(from.paddedVarint()),
    forgotten: counted(from.paddedVarint()),
    holds: counted(from.paddedVarint()),
    links: counted(from.paddedVarint()),
    unsealed: counted(from.paddedVarint()),
    progressHour: counted(from.paddedSignedVarint()),
  } as const;
  const bits = readBits(from);
  return {
    ...row,
    endedLinks: bits.value,
    announcementBytes,
    laterFinished: bits.marked ? null : 0,
    stalled,
    failureReported: bits.padding > 0,
  };
}

function writeAnnounced(to: ByteWriter, row: AnnouncedCompany): void {
  to.byte(OUTCOME.announced);
  to.byte(POLICY_CODE[row.policy]);
  to.varint(row.offset);
  to.signedVarint(row.synchronizedAt);
  to.varint(row.named);
  to.varint(row.succeeded);
  to.varint(row.failed);
  to.varint(row.ended);
}

function asAnnounced({ offset, timestamp }: CompanyAnnouncedElsewhere): AnnouncedCompany {
  return { outcome: 'announced', ...NO_DATASETS, offset, synchronizedAt: timestamp };
}

function readAnnounced(from: RowReader): AnnouncedCompany | CompanyAnnouncedElsewhere {
  const row: AnnouncedCompany = {
    outcome: 'announced',
    policy: policyOf(from.byte()),
    offset: from.varint(),
    synchronizedAt: from.signedVarint(),
    named: from.varint(),
    succeeded: from.varint(),
    failed: from.varint(),
    ended: from.varint(),
  };
  if (row.succeeded > 0) return row;
  return { outcome: 'announced-elsewhere', offset: row.offset, timestamp: row.synchronizedAt };
}

function writeDeleted(to: ByteWriter, row: DeletedCompany): void {
  to.byte(OUTCOME.deleted);
  to.varint(row.offset);
  to.signedVarint(row.timestamp);
}

function policyOf(code: number): Policy {
  switch (code) {
    case POLICY_CODE.FIRST_DATASET:
      return 'FIRST_DATASET';
    case POLICY_CODE.ALL_DATASETS:
      return 'ALL_DATASETS';
    default:
      throw new UnknownRowVersionError('policy code', code);
  }
}

/**
 * The number of bytes, then the bytes, highest first; no bytes for zero. The recount mark is one extra zero byte in
 * front.
 */
function writeBits(to: ByteWriter, bits: bigint, { marked, padding }: Omit<Bits, 'value'>): void {
  const hex = bits === 0n ? '' : bits.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  to.paddedVarint(bytes.length + (marked ? 1 : 0), padding);
  if (marked) to.byte(0);
  to.bytes(bytes);
}

function readBits(from: RowReader): Bits {
  const { value: length, padding } = from.paddedVarint();
  if (padding > MAX_PADDING_OF_BITS) throw from.malformed(`${padding} bytes of padding`);
  if (length === 0) return { ...NO_BITS, padding };
  const bytes = from.slice(length);
  return { value: BigInt(`0x${bytes.toString('hex')}`), marked: bytes[0] === 0, padding };
}
