import { InfoTable } from './info-table.js';
import { bytesOfDataset, bytesOfHold, bytesOfInfo, COMPANY_BYTES } from './row-bytes.js';
import { RowsById } from './rows-by-id.js';
import type { CompanyRow, DatasetRow, FirstSyncRow, HoldRow, InfoRow } from './rows.js';

/**
 * The rows of one company that are in memory, and the changes to them since the last `settle`.
 *
 * A row that was never loaded is `undefined`. A row that is known not to exist is `null`. Reading a row that was not
 * loaded throws, because it is a programming error: a rule must never confuse "not loaded" with "does not exist".
 *
 * The first change of a row after a `settle` keeps its old value, its prior. The changelog needs the changed rows; the
 * undo log needs the priors. `CompanyRows` cannot roll back a failed batch: the caller discards the object.
 */
export class CompanyRows {
  /**
   * Every row of the company except its holds is in memory: a row that is missing here does not exist. A company may
   * have any number of holds, so they are loaded by their ids.
   */
  allLoaded = false;
  /** Every stored hold of the company was read. Not needed if all that the company row counts are in memory. */
  allHoldsRead = false;

  #company: CompanyRow | null | undefined;
  #info: InfoRow | null | undefined;
  #firstSync: FirstSyncRow | null | undefined;
  readonly #datasets = new RowsById<DatasetRow>(bytesOfDataset);
  /** Undefined until a hold is looked up; nearly every company never needs it. */
  #holds: RowsById<HoldRow> | undefined;

  #priorCompany: CompanyRow | null | undefined;
  /** The stored company row, from a call of `correctCompany` until the next change. */
  #companyAsStored: CompanyRow | undefined;
  #priorInfo: InfoRow | null | undefined;
  #priorFirstSync: FirstSyncRow | null | undefined;
  /** `#info`, or a copy of it, that finds places by id. Created at the first lookup. */
  #table: InfoTable | undefined;
  /** The bytes of `#info`. Not used while `#info` is a table, because a table counts its own bytes. */
  #infoBytes = 0;

  constructor(readonly companyId: string) {}

  /** How many rows are held in memory. */
  get size(): number {
    const others = this.#firstSync == null ? 0 : 1;
    return 2 + others + this.#datasets.size + (this.#holds?.size ?? 0);
  }

  /** The approximate memory that these rows take: the unit of the cache limit. */
  get bytes(): number {
    return COMPANY_BYTES + this.#bytesOfInfo + this.#datasets.bytes + (this.#holds?.bytes ?? 0);
  }

  /** A table that exists next to the row takes about as much memory again. */
  get #bytesOfInfo(): number {
    const table = this.#table?.bytes ?? 0;
    return this.#info === this.#table ? table : this.#infoBytes + table;
  }

  get company(): CompanyRow | null {
    return loaded(this.#company, 'company', this.companyId);
  }

  get info(): InfoRow | null {
    return loaded(this.allLoaded ? (this.#info ?? null) : this.#info, 'info', this.companyId);
  }

  get firstSync(): FirstSyncRow | null {
    return loaded(this.allLoaded ? (this.#firstSync ?? null) : this.#firstSync, 'first-sync', this.companyId);
  }

  dataset(datasetId: string): DatasetRow | null {
    const row = this.#datasets.get(datasetId);
    return row === undefined && this.allLoaded ? null : loaded(row, 'dataset', datasetId);
  }

  /**
   * Whether all holds are in memory, so a hold that is missing here does not exist. The company row counts the holds.
   */
  get allHoldsLoaded(): boolean {
    const company = this.#company;
    if (company === undefined) return false;
    return this.allHoldsRead || company?.outcome !== 'pending' || company.holds === (this.#holds?.count ?? 0);
  }

  hold(holdId: string): HoldRow | null {
    const row = this.#holds?.get(holdId);
    return row === undefined && this.allHoldsLoaded ? null : loaded(row, 'hold', holdId);
  }

  /** All existing dataset rows. All rows must be loaded. */
  datasets(): readonly [datasetId: string, row: DatasetRow][] {
    this.#requireAllRows();
    return this.#datasets.existing();
  }

  /**
   * The existing hold rows that are in memory: `allHoldsLoaded` tells whether there are others. All rows must be
   * loaded.
   */
  holds(): readonly [holdId: string, row: HoldRow][] {
    this.#requireAllRows();
    return this.#holds?.existing() ?? [];
  }

  // ---- loading: adds rows from the store, and never overwrites a row that is already in memory

  hasCompany(): boolean {
    return this.#company !== undefined;
  }

  hasInfo(): boolean {
    return this.allLoaded || this.#info !== undefined;
  }

  hasFirstSync(): boolean {
    return this.allLoaded || this.#firstSync !== undefined;
  }

  hasDataset(datasetId: string): boolean {
    return this.allLoaded || this.#datasets.has(datasetId);
  }

  hasHold(holdId: string): boolean {
    return this.allHoldsLoaded || this.#holds?.has(holdId) === true;
  }

  /** If a company has no company row, it has no other rows either; then all of its rows count as loaded. */
  loadCompany(row: CompanyRow | null): void {
    if (this.#company !== undefined) return;
    this.#company = row;
    if (row === null) this.allLoaded = true;
  }

  loadInfo(row: InfoRow | null): void {
    if (this.#info !== undefined) return;
    this.#info = row;
    this.#infoBytes = row === null ? 0 : bytesOfInfo(row);
  }

  loadFirstSync(row: FirstSyncRow | null): void {
    if (this.#firstSync === undefined) this.#firstSync = row;
  }

  loadDataset(datasetId: string, row: DatasetRow | null): void {
    this.#datasets.load(datasetId, row);
  }

  loadHold(holdId: string, row: HoldRow | null): void {
    this.#holds ??= new RowsById(bytesOfHold);
    this.#holds.load(holdId, row);
  }

  /**
   * Replaces the row in memory by one with corrected counts. This does not count as a change: nothing is written, and
   * the stored row stays the prior of the next change.
   */
  correctCompany(row: CompanyRow): void {
    if (this.#priorCompany === undefined) this.#companyAsStored ??= this.company ?? undefined;
    this.#company = row;
  }

  /** Whether `correctCompany` has replaced the company row since its last change. */
  get corrected(): boolean {
    return this.#companyAsStored !== undefined;
  }

  // ---- changing

  setCompany(row: CompanyRow): void {
    if (this.#priorCompany === undefined) {
      this.#priorCompany = this.#companyAsStored ?? this.company;
      this.#companyAsStored = undefined;
    }
    this.#company = row;
  }

  setInfo(row: InfoRow | null): void {
    if (this.#priorInfo === undefined) this.#priorInfo = this.info;
    this.#info = row;
    this.#infoBytes = row === null ? 0 : bytesOfInfo(row);
    this.#table = undefined;
  }

  setFirstSync(row: FirstSyncRow | null): void {
    if (this.#priorFirstSync === undefined) this.#priorFirstSync = this.firstSync;
    this.#firstSync = row;
  }

  /** The info row as a table to find entries by id; an empty table if the row does not exist. Do not change it. */
  lookUpInfo(): InfoTable {
    return (this.#table ??= new InfoTable(this.info));
  }

  /**
   * The info row as a table to change in place; a new table if the row does not exist. Copied once between two
   * `settle`s.
   */
  editInfo(): InfoTable {
    const table = this.lookUpInfo();
    if (this.#priorInfo !== undefined && this.#info === table) return table;
    const copy = table.editableCopy();
    if (this.#priorInfo === undefined) this.#priorInfo = this.info;
    this.#info = copy;
    this.#table = copy;
    return copy;
  }

  setDataset(datasetId: string, row: DatasetRow | null): void {
    if (!this.allLoaded) this.dataset(datasetId);
    this.#datasets.set(datasetId, row);
  }

  setHold(holdId: string, row: HoldRow | null): void {
    this.hold(holdId);
    this.#holds ??= new RowsById(bytesOfHold);
    this.#holds.set(holdId, row);
  }

  /**
   * Deletes every row except the final company row. All rows and holds must be loaded, otherwise some would stay in the
   * store.
   */
  reduceTo(final: CompanyRow): void {
    this.#requireAllRows();
    if (!this.allHoldsLoaded) throw new Error(`company ${this.companyId}: some of its holds were not loaded`);
    this.#datasets.deleteAll();
    this.#holds?.deleteAll();
    if (this.info !== null) this.setInfo(null);
    if (this.firstSync !== null) this.setFirstSync(null);
    this.setCompany(final);
  }

  // ---- what changed

  get changed(): boolean {
    return (
      this.#priorCompany !== undefined ||
      this.#priorInfo !== undefined ||
      this.#priorFirstSync !== undefined ||
      this.#datasets.changed ||
      this.#holds?.changed === true
    );
  }

  /** Calls `visitor` with each row changed since the last `settle`: its prior and its present value. */
  visitChanges(visitor: ChangeVisitor): void {
    if (this.#priorCompany !== undefined) visitor.company(this.companyId, this.#priorCompany, this.company);
    if (this.#priorInfo !== undefined) visitor.info(this.companyId, this.#priorInfo, this.info);
    if (this.#priorFirstSync !== undefined) visitor.firstSync(this.companyId, this.#priorFirstSync, this.firstSync);
    this.#datasets.visitChanges((id, prior, now) => visitor.dataset(this.companyId, id, prior, now));
    this.#holds?.visitChanges((id, prior, now) => visitor.hold(this.companyId, id, prior, now));
  }

  /** Marks the changes as committed to the log: the present rows become the priors. */
  settle(): void {
    this.#priorCompany = undefined;
    this.#priorInfo = undefined;
    this.#priorFirstSync = undefined;
    this.#datasets.settle();
    this.#holds?.settle();
    if (this.#company != null && this.#company.outcome !== 'pending') {
      this.#datasets.clear();
      this.#holds = undefined;
      this.#table = undefined;
    }
  }

  #requireAllRows(): void {
    if (!this.allLoaded)
      throw new Error(`company ${this.companyId}: all of its rows are needed, but some were not loaded`);
  }
}

export interface ChangeVisitor {
  company(companyId: string, prior: CompanyRow | null, now: CompanyRow | null): void;
  info(companyId: string, prior: InfoRow | null, now: InfoRow | null): void;
  firstSync(companyId: string, prior: FirstSyncRow | null, now: FirstSyncRow | null): void;
  dataset(companyId: string, datasetId: string, prior: DatasetRow | null, now: DatasetRow | null): void;
  hold(companyId: string, holdId: string, prior: HoldRow | null, now: HoldRow | null): void;
}

function loaded<T>(row: T | undefined, kind: string, id: string): T {
  if (row === undefined) throw new Error(`${kind} row ${id} was read but not loaded`);
  return row;
}
