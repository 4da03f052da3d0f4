/**
 * Repairs that are dead letters themselves. Such a repair lifts nothing and holds its company. The dead letter that it
 * should have replaced stays open, and one new repair must replace both. Pure.
 */
import { REPAIRS_HEADER, repairsOf } from '../decode/sync-event-decoder.js';
import { MAX_REPAIRS } from '../domain/limits.js';
import type { RecordToWrite } from '../lib/record.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';

/** `<partition>/<offset>` of a record of the input. */
export type RecordId = string;

/**
 * The most records that all dead letters together may name: about 300 MB. (One dead letter may name MAX_REPAIRS
 * records.)
 */
export const MAX_TARGETS = 1_000_000;

export class RepairAttempts {
  /** Dead letter that was sent as a repair -> the records that it was to repair. */
  readonly #targets = new Map<RecordId, readonly RecordId[]>();
  /** Record -> the dead letters that were to repair it, oldest first. */
  readonly #attempts = new Map<RecordId, RecordId[]>();
  #count = 0;

  /**
   * Call it in the order in which the dead letters were written. A dead letter that names more than MAX_REPAIRS records
   * is not a repair, because a repair of it would have to name even more records.
   *
   * @throws Error if they name more than MAX_TARGETS records in total
   */
  add(deadLetter: Pick<DeadLetter, 'partition' | 'offset' | 'headers'>): void {
    const targets = repairsOf(deadLetter.headers).filter((id) => /^\d+\/\d+$/.test(id));
    if (targets.length === 0 || targets.length > MAX_REPAIRS) return;
    this.#count += targets.length;
    if (this.#count > MAX_TARGETS)
      throw new Error(`dead letters name more than ${MAX_TARGETS} records in repairs headers: pass a later --since`);
    this.#targets.set(idOf(deadLetter), targets);
    for (const target of targets) {
      const attempts = this.#attempts.get(target);
      if (attempts === undefined) this.#attempts.set(target, [idOf(deadLetter)]);
      else attempts.push(idOf(deadLetter));
    }
  }

  targetsOf(id: RecordId): readonly RecordId[] {
    return this.#targets.get(id) ?? [];
  }

  failedRepairsOf(id: RecordId): readonly RecordId[] {
    return this.#attempts.get(id) ?? [];
  }

  /** The record, and if it is a repair, all records that its headers name, directly or through others. */
  recordsNamedBy(id: RecordId): Set<RecordId> {
    const named = new Set([id]);
    // Iteration over a set includes members that are added meanwhile.
    for (const recordId of named) for (const target of this.targetsOf(recordId)) named.add(target);
    return named;
  }

  /**
   * All records that one repair of `id` replaces: the record itself, the records that it should have repaired, and
   * failed repairs that name only these records.
   */
  recordsThatOneRepairReplaces(id: RecordId): Set<RecordId> {
    const replaced = this.recordsNamedBy(id);
    for (const one of replaced)
      for (const attempt of this.failedRepairsOf(one))
        if (this.targetsOf(attempt).every((target) => replaced.has(target))) replaced.add(attempt);
    return replaced;
  }
}

/** Returns the record with a `repairs` header for each of `repaired`. */
export function asRepairOf(repaired: ReadonlySet<RecordId>, record: RecordToWrite): RecordToWrite {
  const otherHeaders = record.headers.filter(({ key, value }) => key !== REPAIRS_HEADER || !isOneOf(repaired, value));
  return { ...record, headers: [...otherHeaders, ...repairsHeaders(repaired)] };
}

export function repairsHeaders(repaired: Iterable<RecordId>): { readonly key: string; readonly value: Buffer }[] {
  return [...repaired].map((id) => ({ key: REPAIRS_HEADER, value: Buffer.from(id) }));
}

function isOneOf(repaired: ReadonlySet<RecordId>, value: Buffer | null): boolean {
  return value !== null && repaired.has(value.toString());
}
