import { ENTRY_BYTES } from './row-bytes.js';

/**
 * A row in memory. The object stays the same while the row is in memory: a change costs one lookup and no new object.
 */
interface Entry<T> {
  readonly id: string;
  row: T | null;
  /** The value of `row` at the last `settle`; `undefined` if it has not changed since. */
  prior: T | null | undefined;
  /** The entry that changed next after this one. */
  nextChanged: Entry<T> | undefined;
}

/** The rows of one kind and one company that are in memory, by id, with the changes since the last `settle`. */
export class RowsById<T extends object> {
  readonly #entries = new Map<string, Entry<T>>();
  #firstChanged: Entry<T> | undefined;
  #lastChanged: Entry<T> | undefined;
  /** The entry looked up last: the rules read the row of an event several times. */
  #latestId: string | undefined;
  #latest: Entry<T> | undefined;
  #bytes = 0;
  /** How many of the loaded rows have a value. A loaded row is null if the store has none. */
  #count = 0;

  /** @param bytesOf the approximate memory of a row, without its entry here */
  constructor(private readonly bytesOf: (row: T) => number) {}

  get size(): number {
    return this.#entries.size;
  }

  /** How many of the loaded rows have a value. */
  get count(): number {
    return this.#count;
  }

  /** The approximate memory that the rows take. */
  get bytes(): number {
    return this.#bytes;
  }

  get changed(): boolean {
    return this.#firstChanged !== undefined;
  }

  /** The row; null if it is known not to exist, undefined if it was not loaded. */
  get(id: string): T | null | undefined {
    return this.#find(id)?.row;
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** Takes a row from the store. Never overwrites a row that is in memory. */
  load(id: string, row: T | null): void {
    if (!this.has(id)) this.#add(id, row);
  }

  /** Changes a row that is in memory, or adds one that is known not to exist because all existing rows are loaded. */
  set(id: string, row: T | null): void {
    this.#change(this.#find(id) ?? this.#add(id, null), row);
  }

  deleteAll(): void {
    this.#entries.forEach((entry) => {
      if (entry.row !== null) this.#change(entry, null);
    });
  }

  /** Every row that exists. */
  existing(): [id: string, row: T][] {
    const rows: [string, T][] = [];
    this.#entries.forEach(({ id, row }) => {
      if (row !== null) rows.push([id, row]);
    });
    return rows;
  }

  /** Visits each row changed since the last `settle`, in the order of their first changes. */
  visitChanges(visit: (id: string, prior: T | null, now: T | null) => void): void {
    for (let entry = this.#firstChanged; entry !== undefined; entry = entry.nextChanged)
      visit(entry.id, entry.prior as T | null, entry.row);
  }

  settle(): void {
    let entry = this.#firstChanged;
    while (entry !== undefined) {
      const next: Entry<T> | undefined = entry.nextChanged;
      entry.prior = undefined;
      entry.nextChanged = undefined;
      entry = next;
    }
    this.#firstChanged = this.#lastChanged = undefined;
  }

  /** Releases all rows. Call it only when all changes are settled. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = this.#count = 0;
    this.#latestId = this.#latest = undefined;
  }

  #find(id: string): Entry<T> | undefined {
    if (id !== this.#latestId || this.#latest === undefined) {
      this.#latestId = id;
      this.#latest = this.#entries.get(id);
    }
    return this.#latest;
  }

  #change(entry: Entry<T>, row: T | null): void {
    if (entry.prior === undefined) {
      entry.prior = entry.row;
      if (this.#lastChanged === undefined) this.#firstChanged = entry;
      else this.#lastChanged.nextChanged = entry;
      this.#lastChanged = entry;
    }
    this.#bytes += this.#bytesIn(row) - this.#bytesIn(entry.row);
    this.#count += Number(row !== null) - Number(entry.row !== null);
    entry.row = row;
  }

  #add(id: string, row: T | null): Entry<T> {
    const entry: Entry<T> = { id, row, prior: undefined, nextChanged: undefined };
    this.#entries.set(id, entry);
    this.#bytes += ENTRY_BYTES + id.length + this.#bytesIn(row);
    if (row !== null) this.#count++;
    this.#latestId = id;
    this.#latest = entry;
    return entry;
  }

  #bytesIn(row: T | null): number {
    return row === null ? 0 : this.bytesOf(row);
  }
}
