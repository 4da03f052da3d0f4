/**
 * Compares the rows of a store with its changelog. The changelog is replayed into the same store, under local keys: a
 * map in memory would have no limit.
 */
import { changesOf, type ChangelogRow } from './changelog-rows.js';
import type { KeyChange, KeyValueStore, Pair } from './key-value-store.js';
import { localKey } from './partition-meta.js';
import { KEY_KIND } from './row-keys.js';

const PREFIX = localKey('replayed/');
const PAGE_ROWS = 2_000;
/** The kinds of rows that are in the changelog, except the position row. */
const COMPARED = ['company', 'info', 'firstSync', 'dataset', 'hold', 'origin'] as const;

export interface DifferenceLimits {
  readonly rows: number;
  readonly bytes: number;
}

export class ReplayedRows {
  constructor(private readonly store: KeyValueStore) {}

  /** Adds records of the changelog, in the order of the log. */
  async add(records: readonly ChangelogRow[]): Promise<void> {
    for (let from = 0; from < records.length; from += PAGE_ROWS) {
      const changes = changesOf(records, from, Math.min(from + PAGE_ROWS, records.length));
      await this.store.write(changes.map(({ key, value }) => ({ key: replayedKey(key), value })));
    }
  }

  /**
   * The changes that make the changelog's rows equal to the store's rows. Null if they exceed the limits. Leaves out the
   * position row.
   *
   * @param always keys whose rows are among the changes even if they do not differ
   */
  async differences({ rows, bytes }: DifferenceLimits, always: readonly Buffer[]): Promise<KeyChange[] | null> {
    const found: KeyChange[] = [];
    let size = 0;
    const add = (change: KeyChange): void => {
      size += change.key.length + (change.value?.length ?? 0);
      found.push(change);
    };
    const wanted = always.filter(isCompared);
    const values = await this.store.read(wanted);
    for (const [index, key] of wanted.entries()) add({ key, value: values[index] ?? null });
    const added = new Set(wanted.map(nameOf));
    const compare = async (page: readonly Pair[], others: readonly Buffer[], changeOf: ChangeOf): Promise<boolean> => {
      const values = await this.store.read(others);
      for (const [index, pair] of page.entries()) {
        const change = changeOf(pair, values[index] ?? null);
        if (change !== null && !added.has(nameOf(change.key))) add(change);
      }
      return found.length <= rows && size <= bytes;
    };
    for (const kind of COMPARED) {
      const prefix = Buffer.of(KEY_KIND[kind]);
      for await (const page of this.#pages(replayedKey(prefix)))
        if (!(await compare(page, page.map(ownKey), changed))) return null;
      for await (const page of this.#pages(prefix))
        if (
          !(await compare(
            page,
            page.map(({ key }) => replayedKey(key)),
            created,
          ))
        )
          return null;
    }
    return found;
  }

  /** Removes what was added, also by a process that was killed. */
  async clear(): Promise<void> {
    for await (const page of this.#pages(PREFIX)) await this.store.write(page.map(({ key }) => ({ key, value: null })));
  }

  async *#pages(prefix: Buffer): AsyncIterable<readonly Pair[]> {
    for (let after: Buffer | null = null; ;) {
      const page: readonly Pair[] = await this.store.page(prefix, after, PAGE_ROWS);
      if (page.length > 0) yield page;
      if (page.length < PAGE_ROWS) return;
      after = (page.at(-1) as Pair).key;
    }
  }
}

type ChangeOf = (pair: Pair, other: Buffer | null) => KeyChange | null;

/** For a row of the changelog and the store's value: changed or deleted in the store. */
function changed(replayed: Pair, own: Buffer | null): KeyChange | null {
  return own !== null && own.equals(replayed.value) ? null : { key: ownKey(replayed), value: own };
}

/** For a row of the store that the changelog may lack. */
function created(own: Pair, replayed: Buffer | null): KeyChange | null {
  return replayed === null ? own : null;
}

function isCompared(key: Buffer): boolean {
  return COMPARED.some((kind) => key[0] === KEY_KIND[kind]);
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

function replayedKey(key: Buffer): Buffer {
  return Buffer.concat([PREFIX, key]);
}

function ownKey({ key }: Pair): Buffer {
  return key.subarray(PREFIX.length);
}
