/** How much one record and one company may take. A record beyond a limit is poison: see docs/operations.md. */
import type { CompanyRows } from './company-rows.js';
import type { PoisonCode } from './events.js';
import type { PendingCompany } from './rows.js';

/**
 * UTF-8 bytes of each id and text that is kept: companyId, clientId, connectionId, linkId, datasetId, dataType,
 * sourceType, status, companyName. Ids of real platforms have fewer than 100; a row key may have two of them.
 */
export const MAX_TEXT_BYTES = 1_024;
/** Datasets that manifests may name in one company; a manifest that would exceed it is poison. */
export const MAX_NAMED_DATASETS = 10_000;
/** Links of one company, ended ones included. */
export const MAX_LINKS = 10_000;
/** Connections of one company, ended ones included. */
export const MAX_CONNECTIONS = 10_000;
/** The announcement of one company and its info row, by `announcement-size.ts`. Topics take records of 8 MiB. */
export const MAX_ANNOUNCEMENT_BYTES = 6 * 1024 * 1024;
/** Datasets remembered in one company before any manifest names them. */
export const MAX_EARLY_DATASETS = 1_000;
/** How many early datasets, those heard of least recently, are forgotten when one more comes. */
export const FORGOTTEN_EARLY_DATASETS = 500;

/** Holds of a company that are read, and listed, for someone who only looks: about 1 MB of an answer. There may be more. */
export const MAX_LISTED_HOLDS = 5_000;

/** The codes of records that could be read and are beyond a limit. They never apply to an announced or deleted company. */
export const LIMIT_CODES = ['too-many-datasets', 'too-large'] as const satisfies readonly PoisonCode[];
export type LimitCode = (typeof LIMIT_CODES)[number];

export function isLimitCode(code: PoisonCode): code is LimitCode {
  return (LIMIT_CODES as readonly PoisonCode[]).includes(code);
}

/** A limit that a record would exceed. */
export interface LimitExceeded {
  readonly code: LimitCode;
  /** What would be too much, with both numbers; it names no id, because those may be what is too long. */
  readonly why: string;
}

/** The UTF-8 bytes of a text. Counted here if it is short and ASCII, which a call into the runtime is slower for. */
export function utf8Bytes(text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT_CHARS) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return length;
}

const SHORT_TEXT_CHARS = 48;

/**
 * Forgets the early datasets heard of least recently (lowest offset of the latest status). The company must be whole.
 * A forgotten revision is the one thing that could let a later stale status count; `forgotten` keeps that visible.
 */
export function forgetEarlyDatasets(rows: CompanyRows): void {
  const early: { datasetId: string; offset: number }[] = [];
  for (const [datasetId, row] of rows.datasets()) if (row.place === null) early.push({ datasetId, offset: row.offset });
  early.sort((a, b) => a.offset - b.offset);
  const forgotten = early.slice(0, FORGOTTEN_EARLY_DATASETS);
  for (const { datasetId } of forgotten) rows.setDataset(datasetId, null);

  const company = rows.company as PendingCompany;
  rows.setCompany({
    ...company,
    early: company.early - forgotten.length,
    forgotten: company.forgotten + forgotten.length,
  });
}
