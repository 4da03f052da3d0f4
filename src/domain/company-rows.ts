import { InfoTable } from './info-table.js';
import { bytesOfDataset, bytesOfHold, bytesOfInfo, COMPANY_BYTES } from './row-bytes.js';
import { RowsById } from './rows-by-id.js';
import type { CompanyRow, DatasetRow, HoldRow, InfoRow } from './rows.js';

/**
 * The rows of one company that are in memory, and what has changed in them since the last `settle`.
 *
 * A row that was never loaded is `undefined`; a row known not to exist is `null`. Asking for a row that was not loaded
 * is a programming error and throws: a rule must never take "not loaded" for "not there".
 *
 * The first change of a row since the last `settle` keeps the value it had (its prior): the changelog needs the changed
 * rows, the undo needs the priors. A batch that fails is not rolled back here; its `CompanyRows` are thrown away.
 */
export class CompanyRows {
  /** Every row of the company is in memory; then what is missing does not exist. */
  whole = false;

  #company: CompanyRow | null | undefined;
  #info: InfoRow | null | undefined;
  readonly #datasets = new RowsById<DatasetRow>(bytesOfDataset);
  /** None while no hold was asked for, as of nearly every company. */
  #holds: RowsById<HoldRow> | undefined;

  #priorCompany: CompanyRow | null | undefined;
  /** The stored row, from `correctCompany` to the next change. */
  #companyAsStored: CompanyRow | undefined;
  #priorInfo: InfoRow | null | undefined;
  /** `#info`, or a copy of it, with its places; made when it is first looked into. */
  #table: InfoTable | undefined;
  /** Of `#info`, unless that is a table, which counts its own. */
  #infoBytes = 0;

  constructor(readonly companyId: string) {}

  /** How many rows are held in memory. */
  get size(): number {
    return 2 + this.#datasets.size + (this.#holds?.size ?? 0);
  }

  /** About how much memory these rows take: the unit in which the cache is bounded. */
  get bytes(): number {
    return COMPANY_BYTES + this.#bytesOfInfo + this.#datasets.bytes + (this.#holds?.bytes ?? 0);
  }

  /** A table beside the row takes about as much again. */
  get #bytesOfInfo(): number {
    const table = this.#table?.bytes ?? 0;
    return this.#info === this.#table ? table : this.#infoBytes + table;
  }

  get company(): CompanyRow | null {
    return loaded(this.#company, 'company', this.companyId);
  }

  get info(): InfoRow | null {
    return loaded(this.whole ? (this.#info ?? null) : this.#info, 'info', this.companyId);
  }

  dataset(datasetId: string): DatasetRow | null {
    const row = this.#datasets.get(datasetId);
    return row === undefined && this.whole ? null : loaded(row, 'dataset', datasetId);
  }

  hold(holdId: string): HoldRow | null {
    const row = this.#holds?.get(holdId);
    return row === undefined && this.whole ? null : loaded(row, 'hold', holdId);
  }

  /** All existing dataset rows; the company must be `whole`. */
  datasets(): readonly [datasetId: string, row: DatasetRow][] {
    this.#mustBeWhole();
    return this.#datasets.existing();
  }

  /** All existing hold rows; the company must be `whole`. */
  holds(): readonly [holdId: string, row: HoldRow][] {
    this.#mustBeWhole();
    return this.#holds?.existing() ?? [];
  }

  // ---- loading: what the store says, never over what is already in memory

  hasCompany(): boolean {
    return this.#company !== undefined;
  }

  hasInfo(): boolean {
    return this.whole || this.#info !== undefined;
  }

  hasDataset(datasetId: string): boolean {
    return this.whole || this.#datasets.has(datasetId);
  }

  hasHold(holdId: string): boolean {
    return this.whole || this.#holds?.has(holdId) === true;
  }

  /** A company without a company row has no other rows either, so that it is whole at once. */
  loadCompany(row: CompanyRow | null): void {
    if (this.#company !== undefined) return;
    this.#company = row;
    if (row === null) this.whole = true;
  }

  loadInfo(row: InfoRow | null): void {
    if (this.#info !== undefined) return;
    this.#info = row;
    this.#infoBytes = row === null ? 0 : bytesOfInfo(row);
  }

  loadDataset(datasetId: string, row: DatasetRow | null): void {
    this.#datasets.load(datasetId, row);
  }

  loadHold(holdId: string, row: HoldRow | null): void {
    this.#holds ??= new RowsById(bytesOfHold);
    this.#holds.load(holdId, row);
  }

  /**
   * Replaces the row in memory by one that says what is stored more exactly. Not a change: nothing is written, and the
   * stored row stays the prior of the next change.
   */
  correctCompany(row: CompanyRow): void {
    if (this.#priorCompany === undefined) this.#companyAsStored ??= this.company ?? undefined;
    this.#company = row;
  }

  /** Whether `correctCompany` has said more than the stored row does, since that was last changed. */
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

  /** The info row, to look into by ids; empty without one. Do not change it. */
  lookUpInfo(): InfoTable {
    return (this.#table ??= new InfoTable(this.info));
  }

  /** The info row, to be changed in place; a new one if there was none. It is copied once between two `settle`s. */
  editInfo(): InfoTable {
    const table = this.lookUpInfo();
    if (this.#priorInfo !== undefined && this.#info === table) return table;
    const copy = table.successor();
    if (this.#priorInfo === undefined) this.#priorInfo = this.info;
    this.#info = copy;
    this.#table = copy;
    return copy;
  }

  setDataset(datasetId: string, row: DatasetRow | null): void {
    if (!this.whole) this.dataset(datasetId);
    this.#datasets.set(datasetId, row);
  }

  setHold(holdId: string, row: HoldRow | null): void {
    if (!this.whole) this.hold(holdId);
    this.#holds ??= new RowsById(bytesOfHold);
    this.#holds.set(holdId, row);
  }

  /** Leaves nothing but the final company row. The company must be `whole`, or rows would be left behind. */
  reduceTo(final: CompanyRow): void {
    this.#mustBeWhole();
    this.#datasets.deleteAll();
    this.#holds?.deleteAll();
    if (this.info !== null) this.setInfo(null);
    this.setCompany(final);
  }

  // ---- what changed

  get changed(): boolean {
    return (
      this.#priorCompany !== undefined ||
      this.#priorInfo !== undefined ||
      this.#datasets.changed ||
      this.#holds?.changed === true
    );
  }

  /** Tells `visitor` each row changed since the last `settle`, with its prior and its present value. */
  visitChanges(visitor: ChangeVisitor): void {
    if (this.#priorCompany !== undefined) visitor.company(this.companyId, this.#priorCompany, this.company);
    if (this.#priorInfo !== undefined) visitor.info(this.companyId, this.#priorInfo, this.info);
    this.#datasets.visitChanges((id, prior, now) => visitor.dataset(this.companyId, id, prior, now));
    this.#holds?.visitChanges((id, prior, now) => visitor.hold(this.companyId, id, prior, now));
  }

  /** The changes are in the committed log: from here on the present rows are the prior ones. */
  settle(): void {
    this.#priorCompany = undefined;
    this.#priorInfo = undefined;
    this.#datasets.settle();
    this.#holds?.settle();
    if (this.#company != null && this.#company.outcome !== 'pending') {
      this.#datasets.clear();
      this.#holds = undefined;
      this.#table = undefined;
    }
  }

  #mustBeWhole(): void {
    if (!this.whole) throw new Error(`company ${this.companyId}: all of its rows are needed and were not loaded`);
  }
}

export interface ChangeVisitor {
  company(companyId: string, prior: CompanyRow | null, now: CompanyRow | null): void;
  info(companyId: string, prior: InfoRow | null, now: InfoRow | null): void;
  dataset(companyId: string, datasetId: string, prior: DatasetRow | null, now: DatasetRow | null): void;
  hold(companyId: string, holdId: string, prior: HoldRow | null, now: HoldRow | null): void;
}

function loaded<T>(row: T | undefined, kind: string, id: string): T {
  if (row === undefined) throw new Error(`${kind} row ${id} was asked for and not loaded`);
  return row;
}
