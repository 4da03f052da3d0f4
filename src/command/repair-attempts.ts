/**
 * Repairs that are dead letters themselves. Such a one lifts nothing, and holds the company once more: the letter that it
 * was to repair is open as before, and one repair must now replace both. Pure.
 */
import { REPAIRS_HEADER, repairsOf } from '../decode/sync-event-decoder.js';
import type { RecordToWrite } from '../lib/record.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';

/** `<partition>/<offset>` of a record of the input. */
export type RecordId = string;

export class RepairAttempts {
  /** Of each dead letter that was sent as a repair: what it was to repair. */
  readonly #targets = new Map<RecordId, readonly RecordId[]>();
  /** The other way round: the dead letters that were to repair a record, oldest first. */
  readonly #attempts = new Map<RecordId, RecordId[]>();

  /** Letters in the order in which they were written. */
  add(letter: Pick<DeadLetter, 'partition' | 'offset' | 'headers'>): void {
    const targets = repairsOf(letter.headers).filter((id) => /^\d+\/\d+$/.test(id));
    if (targets.length === 0) return;
    this.#targets.set(idOf(letter), targets);
    for (const target of targets) {
      const attempts = this.#attempts.get(target);
      if (attempts === undefined) this.#attempts.set(target, [idOf(letter)]);
      else attempts.push(idOf(letter));
    }
  }

  targetsOf(id: RecordId): readonly RecordId[] {
    return this.#targets.get(id) ?? [];
  }

  failedRepairsOf(id: RecordId): readonly RecordId[] {
    return this.#attempts.get(id) ?? [];
  }

  /** The record, and all that it was to repair by its own word, where it was a repair. */
  namedBy(id: RecordId): Set<RecordId> {
    const named = new Set([id]);
    // A set may grow while it is gone through: what was added is come to as well.
    for (const one of named) for (const target of this.targetsOf(one)) named.add(target);
    return named;
  }

  /**
   * All that one repair of `id` replaces: the record; what it was to repair, where it was a repair; and failed repairs of
   * nothing but these.
   */
  replacedWith(id: RecordId): Set<RecordId> {
    const replaced = this.namedBy(id);
    for (const one of replaced)
      for (const attempt of this.failedRepairsOf(one))
        if (this.targetsOf(attempt).every((target) => replaced.has(target))) replaced.add(attempt);
    return replaced;
  }
}

/** The record, with a header that names each of `repaired`. */
export function asRepairOf(repaired: ReadonlySet<RecordId>, record: RecordToWrite): RecordToWrite {
  const others = record.headers.filter(({ key, value }) => key !== REPAIRS_HEADER || !isOneOf(repaired, value));
  return { ...record, headers: [...others, ...repairsHeaders(repaired)] };
}

export function repairsHeaders(repaired: Iterable<RecordId>): { readonly key: string; readonly value: Buffer }[] {
  return [...repaired].map((id) => ({ key: REPAIRS_HEADER, value: Buffer.from(id) }));
}

function isOneOf(repaired: ReadonlySet<RecordId>, value: Buffer | null): boolean {
  return value !== null && repaired.has(value.toString());
}
