/** Decodes the values of one batch as their schemas become known. */
import type { SchemaResolution } from './schema-resolution.js';
import type { OpenIds, SchemaSearch } from './schema-search.js';

/** How values of one topic are decoded: I is an item with a value, S a compiled schema, R a result. */
export interface ValueDecoder<I, S, R> {
  /** The id of the schema that an item needs; null if it is decoded without a schema. */
  schemaIdOf(item: I): number | null;
  /** Whether the id of the item's schema is requested again even if it is known to be unknown. */
  isRepair(item: I): boolean;
  /**
   * Decodes an item. Never throws.
   * @param schema undefined if the id is unknown
   */
  decode(item: I, id: number | null, schema: S | undefined): R;
}

/** What a batch waits for. */
export interface SchemaWait extends OpenIds {
  /** The position of the item whose schema is awaited first. */
  readonly position: number;
}

/**
 * One batch. Each schema is requested and compiled at most once for a batch. When a schema is found, all items that
 * need it are decoded at once, because the schema may be dropped afterwards.
 *
 * The results come in portions. A portion ends before the first item whose schema is not known yet. So an item never
 * waits for the schema of a later one for longer than one try.
 */
export class BatchDecoding<I, S, R> {
  readonly #items: readonly I[];
  readonly #decoder: ValueDecoder<I, S, R>;
  /** Undefined for items that are not decoded yet, whose id is unknown, or that were taken. */
  readonly #results: (R | undefined)[];
  /** The positions of the items that wait for each id, in the order of the first use of the ids. */
  readonly #waiting = new Map<number, number[]>();
  /** Null if nothing waits. */
  readonly #search: SchemaSearch<S> | null;
  #taken = 0;

  /** @param asker the name in the rotation of those who ask the registry */
  constructor(schemas: SchemaResolution<S>, items: readonly I[], decoder: ValueDecoder<I, S, R>, asker: string) {
    this.#items = items;
    this.#decoder = decoder;
    this.#results = new Array<R | undefined>(items.length);
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as I;
      const id = decoder.schemaIdOf(item);
      const schema = id === null ? undefined : schemas.get(id);
      if (id === null || schema !== undefined) this.#results[i] = decoder.decode(item, id, schema);
      else this.#wait(id, i);
    }
    const ids = [...this.#waiting.keys()];
    const isUsed = (id: number) => (this.#waiting.get(id)?.at(-1) ?? -1) >= this.#taken;
    this.#search = ids.length === 0 ? null : schemas.search(ids, asker, this.#idsOfRepairs(), isUsed);
  }

  /**
   * Returns the next results, at least one unless all were taken. Results stay until `take`: another call returns them
   * again, and adds results that became known meanwhile. If the denials of an id were forgotten, it leaves out the
   * results that came from these denials. After a minute, the registry is asked for unknown ids again.
   *
   * @param onWait called before each pause in which nothing is known about the next item
   * @throws RegistryUnavailableError if the registry gave no usable answer about the next item: call it again later
   * @throws DecodingAbortedError if `signal` aborted
   */
  async next(signal: AbortSignal, onWait?: (wait: SchemaWait) => void): Promise<R[]> {
    return this.#after(() => this.#ready() > this.#taken, signal, onWait);
  }

  /** Like `next`, but returns all results that were not taken, however long that takes. */
  async all(signal: AbortSignal, onWait?: (wait: SchemaWait) => void): Promise<R[]> {
    return this.#after(() => false, signal, onWait);
  }

  /** The next results that are known by now: none if the next item waits. Call it after an abort of `next`. */
  known(): R[] {
    return this.#portion();
  }

  /** The first results were used. They are not returned again. */
  take(count: number): void {
    if (count < this.#items.length) this.#results.fill(undefined, this.#taken, this.#taken + count);
    this.#taken += count;
  }

  async #after(
    isEnough: () => boolean,
    signal: AbortSignal,
    onWait: (wait: SchemaWait) => void = () => undefined,
  ): Promise<R[]> {
    const onFound = (id: number, schema: S) => this.#found(id, schema);
    await this.#search?.advance(signal, isEnough, onFound, (open) => onWait({ ...open, position: this.#ready() }));
    return this.#portion();
  }

  #wait(id: number, position: number): void {
    const positions = this.#waiting.get(id);
    if (positions === undefined) this.#waiting.set(id, [position]);
    else positions.push(position);
  }

  #idsOfRepairs(): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const [id, positions] of this.#waiting)
      if (positions.some((position) => this.#decoder.isRepair(this.#items[position] as I))) ids.add(id);
    return ids;
  }

  #found(id: number, schema: S): void {
    for (const position of this.#waiting.get(id) ?? []) {
      if (position >= this.#taken)
        this.#results[position] = this.#decoder.decode(this.#items[position] as I, id, schema);
    }
    this.#waiting.delete(id);
  }

  /** The end of the items that can be returned. */
  #ready(): number {
    let end = this.#taken;
    while (end < this.#items.length && (this.#results[end] !== undefined || this.#isUnknown(end))) end++;
    return end;
  }

  #isUnknown(position: number): boolean {
    const id = this.#decoder.schemaIdOf(this.#items[position] as I);
    return id !== null && this.#search !== null && this.#search.isUnknown(id);
  }

  #portion(): R[] {
    if (this.#search === null && this.#taken === 0) return this.#results as R[];
    const portion: R[] = [];
    for (let i = this.#taken, end = this.#ready(); i < end; i++) {
      const item = this.#items[i] as I;
      portion.push(this.#results[i] ?? this.#decoder.decode(item, this.#decoder.schemaIdOf(item), undefined));
    }
    return portion;
  }
}
