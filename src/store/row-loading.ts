/** Loads the rows that a batch of events needs into memory, in two reads. */
import { CompanyRows } from '../domain/company-rows.js';
import { markCountsUntrusted } from '../domain/recount.js';
import type { InputEvent } from '../domain/events.js';
import { visitRowsNeeded, type RowsNeeded } from '../domain/rows-needed.js';
import { ByteWriter } from '../lib/byte-writer.js';
import type { CompanyCache } from './company-cache.js';
import type { CountedCompanies } from './counted-companies.js';
import type { KeyValueReads } from './key-value-store.js';
import { decodeCompanyRow, decodeDatasetRow, decodeFirstSyncRow, decodeHoldRow, decodeInfoRow } from './row-codec.js';
import {
  KEY_KIND,
  writeCompanyKey,
  writeDatasetKey,
  writeFirstSyncKey,
  writeHoldKey,
  writeInfoKey,
} from './row-keys.js';

/** A stand-in for the company of a record without a company: all of its rows count as loaded. */
const NO_COMPANY = new CompanyRows('');
NO_COMPANY.loadCompany(null);

/** The most rows and links that one read loads; a single event may need more. `bench/store.ts` measures it: 58 ms. */
const MAX_READ_WEIGHT = 10_000;

/**
 * Loads, each once, the rows that one batch needs and that are not in memory. Call `want` for each event and `run`
 * once, then discard the object. The `CompanyRows` that it returns belong to the cache.
 *
 * It reads company rows first: if a company has no company row, it is new and has no other rows to read.
 */
export class RowLoad implements RowsNeeded {
  /** The requests in order: a company, and in `#wantedFor` the event or hold that needs it. */
  readonly #wanted: CompanyRows[] = [];
  readonly #wantedFor: (InputEvent | string)[] = [];
  /** A lower bound of the number of rows that the next read loads. A link counts as a row. */
  #weight = 0;
  #loadedBytes = 0;
  readonly #missing = new Set<CompanyRows>();

  /** The keys of one read. */
  #keys: Buffer[] = [];
  /** For each key, its company; in `#ids`, its dataset or hold. */
  #companies: CompanyRows[] = [];
  #ids: string[] = [];
  readonly #asked = new Map<CompanyRows, AskedRows>();
  readonly #to = new ByteWriter();
  /** The company of the next row. */
  #rows: CompanyRows | undefined;

  /** @param counted tells which stored company rows must be counted again before they decide anything */
  constructor(
    private readonly cache: CompanyCache,
    private readonly counted: CountedCompanies,
  ) {}

  /** The number of requested companies that are not in memory. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Requests all rows that `transition` reads for this event. */
  want(event: InputEvent): CompanyRows {
    return this.#want(event.companyId, event);
  }

  /** Requests the company row and one hold: for a bad record. */
  wantHold(companyId: string, holdId: string): CompanyRows {
    return this.#want(companyId, holdId);
  }

  /** For a record without a company: `run` then counts the record too. */
  wantNothing(): null {
    this.#wanted.push(NO_COMPANY);
    this.#wantedFor.push('');
    return null;
  }

  /**
   * Reads the requested rows that are not in memory, in the order of the requests, until `maxBytes` are loaded. The
   * last request may exceed that.
   *
   * @returns the number of requests whose rows are all in memory: at least one, if there was a request
   * @throws what the store or the row codec throws
   */
  async run(store: KeyValueReads, maxBytes = Infinity): Promise<number> {
    for (const rows of this.#missing) {
      this.#to.begin();
      writeCompanyKey(this.#to, rows.companyId);
      this.#push(rows, '');
    }
    await this.#read(store);
    for (let i = 0; i < this.#wanted.length; i++) {
      const rows = this.#wanted[i] as CompanyRows;
      if (rows.allLoaded && rows.allHoldsLoaded) continue;
      const wantedFor = this.#wantedFor[i] as InputEvent | string;
      this.#rows = rows;
      if (typeof wantedFor === 'string') this.hold(wantedFor);
      else visitRowsNeeded(wantedFor, this);
      if (this.#weight < MAX_READ_WEIGHT) continue;
      await this.#read(store);
      if (this.#loadedBytes >= maxBytes) return i + 1;
    }
    await this.#read(store);
    return this.#wanted.length;
  }

  /** The approximate memory of the rows that were read. */
  get loadedBytes(): number {
    return this.#loadedBytes;
  }

  /** For `visitRowsNeeded`. */
  info(): void {
    const rows = this.#current();
    if (rows.hasInfo()) return;
    const asked = this.#askedOf(rows);
    if (asked.info) return;
    asked.info = true;
    // An info row contains all links of its company: it is the only kind of row that may be large.
    this.#weight += rows.company?.outcome === 'pending' ? rows.company.links : 0;
    this.#to.begin();
    writeInfoKey(this.#to, rows.companyId);
    this.#push(rows, '');
  }

  /** For `visitRowsNeeded`. Only the first manifest of a company writes this row without reading all others. */
  firstSync(): void {
    const rows = this.#current();
    if (rows.hasFirstSync() || (rows.company?.outcome === 'pending' && rows.company.links > 0)) return;
    const asked = this.#askedOf(rows);
    if (asked.firstSync) return;
    asked.firstSync = true;
    this.#to.begin();
    writeFirstSyncKey(this.#to, rows.companyId);
    this.#push(rows, '');
  }

  /** For `visitRowsNeeded`. */
  dataset(datasetId: string): void {
    const rows = this.#current();
    if (rows.hasDataset(datasetId)) return;
    const { datasets } = this.#askedOf(rows);
    if (datasets.has(datasetId)) return;
    datasets.add(datasetId);
    this.#to.begin();
    writeDatasetKey(this.#to, rows.companyId, datasetId);
    this.#push(rows, datasetId);
  }

  /** For `visitRowsNeeded`. */
  hold(holdId: string): void {
    const rows = this.#current();
    if (rows.hasHold(holdId)) return;
    const { holds } = this.#askedOf(rows);
    if (holds.has(holdId)) return;
    holds.add(holdId);
    this.#to.begin();
    writeHoldKey(this.#to, rows.companyId, holdId);
    this.#push(rows, holdId);
  }

  #want(companyId: string, wantedFor: InputEvent | string): CompanyRows {
    const rows = this.cache.get(companyId);
    if (!rows.hasCompany()) this.#missing.add(rows);
    this.#wanted.push(rows);
    this.#wantedFor.push(wantedFor);
    return rows;
  }

  async #read(store: KeyValueReads): Promise<void> {
    const keys = this.#keys;
    if (keys.length === 0) return;
    const values = await store.read(keys);
    for (let i = 0; i < keys.length; i++) {
      const rows = this.#companies[i];
      const kind = keys[i]?.[0];
      if (rows === undefined || kind === undefined) continue;
      const bytes = rows.bytes;
      fill(rows, kind, this.#ids[i] ?? '', values[i] ?? null);
      this.#loadedBytes += rows.bytes - bytes;
      if (kind === KEY_KIND.company && this.counted.mayLack(rows.companyId)) markCountsUntrusted(rows);
    }
    this.#keys = [];
    this.#companies = [];
    this.#ids = [];
    this.#weight = 0;
  }

  #push(rows: CompanyRows, id: string): void {
    this.#weight++;
    this.#keys.push(this.#to.end());
    this.#companies.push(rows);
    this.#ids.push(id);
  }

  #askedOf(rows: CompanyRows): AskedRows {
    let asked = this.#asked.get(rows);
    if (asked === undefined) this.#asked.set(rows, (asked = new AskedRows()));
    return asked;
  }

  #current(): CompanyRows {
    if (this.#rows === undefined) throw new Error('a row was requested before its company');
    return this.#rows;
  }
}

class AskedRows {
  info = false;
  firstSync = false;
  #datasets: Set<string> | undefined;
  #holds: Set<string> | undefined;

  get datasets(): Set<string> {
    return (this.#datasets ??= new Set());
  }

  get holds(): Set<string> {
    return (this.#holds ??= new Set());
  }
}

/** Puts a stored row into memory. Keeps no reference to `value`: the codecs copy. */
export function fill(rows: CompanyRows, kind: number, id: string, value: Buffer | null): void {
  switch (kind) {
    case KEY_KIND.company:
      return fillCompany(rows, value);
    case KEY_KIND.info:
      if (!rows.hasInfo()) rows.loadInfo(value === null ? null : decodeInfoRow(value));
      return;
    case KEY_KIND.firstSync:
      if (!rows.hasFirstSync()) rows.loadFirstSync(value === null ? null : decodeFirstSyncRow(value));
      return;
    case KEY_KIND.dataset:
      if (!rows.hasDataset(id)) rows.loadDataset(id, value === null ? null : decodeDatasetRow(value));
      return;
    case KEY_KIND.hold:
      if (!rows.hasHold(id)) rows.loadHold(id, value === null ? null : decodeHoldRow(value));
      return;
    default:
      throw new Error(`unknown kind of row key: ${kind}`);
  }
}

/** The final row of a company is its only row, so nothing else needs to be read. */
function fillCompany(rows: CompanyRows, value: Buffer | null): void {
  if (rows.hasCompany()) return;
  const company = value === null ? null : decodeCompanyRow(value);
  rows.loadCompany(company);
  if (company !== null && company.outcome !== 'pending') rows.allLoaded = true;
}
