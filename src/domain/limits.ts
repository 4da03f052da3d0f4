/**
 * The limits of one record and of one company. A record that exceeds a limit is a bad record: see docs/operations.md.
 */
import type { CompanyRows } from './company-rows.js';
import type { DeadLetterCode, Offset } from './events.js';
import { byOffset, type DatasetRow, type PendingCompany } from './rows.js';

/**
 * UTF-8 bytes of each id and text that is stored: companyId, clientId, connectionId, linkId, datasetId, dataType,
 * sourceType, status, companyName. Ids of real platforms take fewer than 100 bytes. A row key may contain two ids.
 */
export const MAX_TEXT_BYTES = 1_024;
/** Datasets that manifests may name in one company. A manifest that would exceed it is a bad record. */
export const MAX_NAMED_DATASETS = 10_000;
/** Links of one company, ended ones included. */
export const MAX_LINKS = 10_000;
/** Connections of one company, ended ones included. */
export const MAX_CONNECTIONS = 10_000;
/**
 * Bytes of one company's announcement, and of its info row, measured by `announcement-size.ts`. Topics accept 8 MiB.
 */
export const MAX_ANNOUNCEMENT_BYTES = 6 * 1024 * 1024;
/** Datasets that one company remembers before a manifest names them. */
export const MAX_EARLY_DATASETS = 1_000;
/** When one more early dataset arrives, this many are forgotten: those whose latest status has the lowest offset. */
export const FORGOTTEN_EARLY_DATASETS = 500;

/** Holds of one company that a read-only answer reads and lists: about 1 MB. A company may have more. */
export const MAX_LISTED_HOLDS = 5_000;

/**
 * `repairs` headers of one record, each of which names a bad record whose hold is loaded and lifted. `dead-letters
 * release` writes MAX_LISTED_HOLDS of them.
 */
export const MAX_REPAIRS = 10_000;

/**
 * Holds of one company that a deletion loads and removes in one transaction. A company may have more: then the holds
 * above this number are removed first, in transactions of their own.
 */
export const MAX_HOLDS_REMOVED = 10_000;

/** Codes of records that can be read but exceed a limit. They never apply to an announced or deleted company. */
export const LIMIT_CODES = ['too-many-datasets', 'too-large'] as const satisfies readonly DeadLetterCode[];
export type LimitCode = (typeof LIMIT_CODES)[number];

export function isLimitCode(code: DeadLetterCode): code is LimitCode {
  return (LIMIT_CODES as readonly DeadLetterCode[]).includes(code);
}

/** A limit that a record would exceed. */
export interface LimitExceeded {
  readonly code: LimitCode;
  /**
   * The quantity that is too large, with both numbers. It names no id, because the id may be the text that is too long.
   */
  readonly why: string;
}

/** The UTF-8 bytes of a text. Short ASCII texts are counted here: a call into the runtime is slower for them. */
export function utf8Bytes(text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT_CHARS) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return length;
}

const SHORT_TEXT_CHARS = 48;

/**
 * Forgets the early datasets whose latest status has the lowest offset (`byOffset`). All rows of the company must be
 * loaded. If a revision is forgotten, a stale status may count later; nothing else can cause that. `forgotten` counts
 * them.
 *
 * @param reached the offset of the record that makes one more dataset early
 */
export function forgetEarlyDatasets(rows: CompanyRows, reached: Offset): void {
  const early: { datasetId: string; row: DatasetRow }[] = [];
  for (const [datasetId, row] of rows.datasets()) if (row.place === null) early.push({ datasetId, row });
  const order = byOffset(reached);
  early.sort((a, b) => order(a.row, b.row));
  const forgotten = early.slice(0, FORGOTTEN_EARLY_DATASETS);
  for (const { datasetId } of forgotten) rows.setDataset(datasetId, null);

  const company = rows.company as PendingCompany;
  rows.setCompany({
    ...company,
    early: company.early - forgotten.length,
    forgotten: company.forgotten + forgotten.length,
  });
}
