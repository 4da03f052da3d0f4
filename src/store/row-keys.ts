/**
 * The keys of a partition's rows, the same in the store and in the changelog: one letter for the kind, then ids that
 * delimit themselves (`ByteWriter.id`). So all rows of one kind and one company have a common prefix.
 *
 *     C id(company)                company row
 *     I id(company)                info row
 *     F id(company)                first-sync row
 *     D id(company) id(dataset)    dataset row
 *     H id(company) text           hold row; the text is `<partition>/<offset>`
 *     P                            position row
 *     O                            origin row
 *     M...                         local to this store, never in the changelog (partition-meta.ts)
 *     U id(company)                local too: the company is pending (pending-index.ts)
 */
import { RowReader } from './row-version.js';
import { ByteWriter } from '../lib/byte-writer.js';
import { CorruptStoreError } from './key-value-store.js';

export const KEY_KIND = {
  company: 0x43,
  info: 0x49,
  firstSync: 0x46,
  dataset: 0x44,
  hold: 0x48,
  position: 0x50,
  origin: 0x4f,
  local: 0x4d,
  pending: 0x55,
} as const;

/** The prefix of the keys of all company rows, and of no other key. */
export const COMPANY_PREFIX = Buffer.of(KEY_KIND.company);
/** The same for all dataset rows. */
export const DATASET_PREFIX = Buffer.of(KEY_KIND.dataset);
/** The same for all hold rows. */
export const HOLD_PREFIX = Buffer.of(KEY_KIND.hold);
export const POSITION_KEY = Buffer.of(KEY_KIND.position);
export const ORIGIN_KEY = Buffer.of(KEY_KIND.origin);

export type RowKey =
  | { readonly kind: 'company' | 'info' | 'first-sync'; readonly companyId: string }
  | { readonly kind: 'dataset'; readonly companyId: string; readonly datasetId: string }
  | { readonly kind: 'hold'; readonly companyId: string; readonly holdId: string }
  | { readonly kind: 'position' | 'origin' };

export function writeCompanyKey(to: ByteWriter, companyId: string): void {
  to.byte(KEY_KIND.company);
  to.id(companyId);
}

export function writeInfoKey(to: ByteWriter, companyId: string): void {
  to.byte(KEY_KIND.info);
  to.id(companyId);
}

export function writeFirstSyncKey(to: ByteWriter, companyId: string): void {
  to.byte(KEY_KIND.firstSync);
  to.id(companyId);
}

export function writeDatasetKey(to: ByteWriter, companyId: string, datasetId: string): void {
  to.byte(KEY_KIND.dataset);
  to.id(companyId);
  to.id(datasetId);
}

export function writeHoldKey(to: ByteWriter, companyId: string, holdId: string): void {
  to.byte(KEY_KIND.hold);
  to.id(companyId);
  to.textToEnd(holdId);
}

export function companyKey(companyId: string): Buffer {
  return oneKey((to) => writeCompanyKey(to, companyId));
}

export function infoKey(companyId: string): Buffer {
  return oneKey((to) => writeInfoKey(to, companyId));
}

export function firstSyncKey(companyId: string): Buffer {
  return oneKey((to) => writeFirstSyncKey(to, companyId));
}

export function datasetKey(companyId: string, datasetId: string): Buffer {
  return oneKey((to) => writeDatasetKey(to, companyId, datasetId));
}

export function holdKey(companyId: string, holdId: string): Buffer {
  return oneKey((to) => writeHoldKey(to, companyId, holdId));
}

/** The prefix of the keys of all datasets of a company, and of no other key. */
export function datasetPrefix(companyId: string): Buffer {
  return oneKey((to) => {
    to.byte(KEY_KIND.dataset);
    to.id(companyId);
  });
}

/** The prefix of the keys of all holds of a company, and of no other key. */
export function holdPrefix(companyId: string): Buffer {
  return oneKey((to) => {
    to.byte(KEY_KIND.hold);
    to.id(companyId);
  });
}

/** @throws CorruptStoreError if the key is not the key of a row */
export function parseRowKey(key: Buffer): RowKey {
  const from = new RowReader(key, 'row key');
  const parsed = parseFrom(from);
  from.end();
  return parsed;
}

function parseFrom(from: RowReader): RowKey {
  const kind = from.byte();
  switch (kind) {
    case KEY_KIND.company:
      return { kind: 'company', companyId: from.id() };
    case KEY_KIND.info:
      return { kind: 'info', companyId: from.id() };
    case KEY_KIND.firstSync:
      return { kind: 'first-sync', companyId: from.id() };
    case KEY_KIND.dataset:
      return { kind: 'dataset', companyId: from.id(), datasetId: from.id() };
    case KEY_KIND.hold:
      return { kind: 'hold', companyId: from.id(), holdId: from.textToEnd() };
    case KEY_KIND.position:
      return { kind: 'position' };
    case KEY_KIND.origin:
      return { kind: 'origin' };
    default:
      throw new CorruptStoreError(`row key: unknown kind ${kind}`);
  }
}

export function isPositionKey(key: Buffer): boolean {
  return key.length === 1 && key[0] === KEY_KIND.position;
}

export function isOriginKey(key: Buffer): boolean {
  return key.length === 1 && key[0] === KEY_KIND.origin;
}

const ONE_KEY_BYTES = 128;

function oneKey(write: (to: ByteWriter) => void): Buffer {
  const to = new ByteWriter(ONE_KEY_BYTES);
  to.begin();
  write(to);
  return to.end();
}
