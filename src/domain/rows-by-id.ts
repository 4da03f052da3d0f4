import { ENTRY_BYTES } from './row-bytes.js';

/** A row in memory. One object for as long as it is there, so that a change of it costs one look-up and no new object. */
interface Entry<T> {
  readonly id: string;
  row: T | null;
  /** What `row` was at the last `settle`; `undefined` while it has not changed since. */
  prior: T | null | undefined;
  /** The one that changed next after this one. */
  nextChanged: Entry<T> | undefined;
}

/** The rows of one kind and one company that are in memory, by id, and what has changed in them since the last `settle`. */
export class RowsById<T extends object> {
  readonly #entries = new Map<string, Entry<T>>();
  #firstChanged: Entry<T> | undefined;
  #lastChanged: Entry<T> | undefined;
  /** What was looked up last: the rules ask for the row of an event several times. */
  #latestId: string | undefined;
  #latest: Entry<T> | undefined;
  #bytes = 0;

  /** @param bytesOf about how much memory a row takes, without its entry here */
  constructor(private readonly bytesOf: (row: T) => number) {}

  get size(): number {
    return this.#entries.size;
  }

  /** About how much memory the rows take. */
  get bytes(): number {
    return this.#bytes;
  }

  get changed(): boolean {
    return this.#firstChanged !== undefined;
  }

  /** The row; null where it is known not to exist, undefined where it was not loaded. */
  get(id: string): T | null | undefined {
    return this.#find(id)?.row;
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** What the store says; never over what is in memory. */
  load(id: string, row: T | null): void {
    if (!this.has(id)) this.#add(id, row);
  }

  /** Changes a row that is in memory, or one that is known not to exist because all that do are. */
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

  /** Each row changed since the last `settle`, in the order in which they first changed. */
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

  /** Releases all rows. Call it when everything is settled. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
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
    entry.row = row;
  }

  #add(id: string, row: T | null): Entry<T> {
    const entry: Entry<T> = { id, row, prior: undefined, nextChanged: undefined };
    this.#entries.set(id, entry);
    this.#bytes += ENTRY_BYTES + id.length + this.#bytesIn(row);
    this.#latestId = id;
    this.#latest = entry;
    return entry;
  }

  #bytesIn(row: T | null): number {
    return row === null ? 0 : this.bytesOf(row);
  }
}
