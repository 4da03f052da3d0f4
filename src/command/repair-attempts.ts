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
 * The links that are kept, about 300 MB. A link is a dead letter and one record that its `repairs` headers name. Each
 * dead letter may name MAX_REPAIRS records.
 */
export const MAX_LINKS = 1_000_000;
/**
 * Failed repairs that are looked at to find what one repair replaces. Without a bound, dead letters that name each
 * other would keep the command busy for hours.
 */
const MAX_FOLLOWED = MAX_REPAIRS;

interface Targets {
  readonly kept: readonly RecordId[];
  /** The number of records that the dead letter names. Some of their links may be left out. */
  readonly count: number;
}

interface Options {
  /** The links of this dead letter have a limit of their own, so that links of others do not push them out. */
  readonly focus?: RecordId;
  readonly maxLinks?: number;
}

export class RepairAttempts {
  /** Dead letter that was sent as a repair -> the records that it was to repair. */
  readonly #targets = new Map<RecordId, Targets>();
  /** Record -> the dead letters that were to repair it, oldest first. */
  #attempts = new Map<RecordId, RecordId[]>();
  readonly #focus: RecordId | undefined;
  readonly #maxLinks: number;
  #links = 0;
  #focusLinks = 0;
  #leftOut = 0;
  #lookedAt = 0;
  /** True if so many links are of dead letters that nothing can be left out for a new link. */
  #isFull = false;

  /** @param isDeadLetter whether a dead letter of this record was read so far; links to other records may be left out */
  constructor(
    private readonly isDeadLetter: (id: RecordId) => boolean,
    { focus, maxLinks = MAX_LINKS }: Options = {},
  ) {
    this.#focus = focus;
    this.#maxLinks = maxLinks;
  }

  /**
   * Call it in the order in which the dead letters were written. A dead letter that names more than MAX_REPAIRS records
   * is not a repair, because a repair of it would have to name even more records.
   */
  add(deadLetter: Pick<DeadLetter, 'partition' | 'offset' | 'headers'>): void {
    const targets = new Set(repairsOf(deadLetter.headers).filter((id) => /^\d+\/\d+$/.test(id)));
    const id = idOf(deadLetter);
    if (targets.size === 0 || targets.size > MAX_REPAIRS || this.#targets.has(id)) return;
    const kept = [...targets].filter((target) => this.#mayKeep(id, target));
    this.#leftOut += targets.size - kept.length;
    if (kept.length > 0) this.#keep(id, { kept, count: targets.size });
  }

  /** Links that were left out because there are too many. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Records and links that were looked at in all searches so far: what they have cost. */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  targetsOf(id: RecordId): readonly RecordId[] {
    return this.#targets.get(id)?.kept ?? [];
  }

  failedRepairsOf(id: RecordId): readonly RecordId[] {
    return this.#attempts.get(id) ?? [];
  }

  /**
   * The record, and if it is a repair, the records that its headers name, directly or through others: all, or more than
   * MAX_REPAIRS.
   */
  recordsNamedBy(id: RecordId): Set<RecordId> {
    const named = new Set([id]);
    // Iteration over a set includes members that are added meanwhile.
    for (const recordId of named) {
      this.#lookedAt++;
      if (named.size > MAX_REPAIRS) break;
      for (const target of this.targetsOf(recordId)) named.add(target);
    }
    return named;
  }

  /**
   * The records that one repair of `id` replaces: the record itself, the records that it should have repaired, and
   * failed repairs that name only these records. If very many failed repairs name them, some are left out.
   */
  recordsThatOneRepairReplaces(id: RecordId): Set<RecordId> {
    const replaced = this.recordsNamedBy(id);
    /** Failed repair -> its targets that are not known to be replaced. */
    const left = new Map<RecordId, number>();
    let followed = 0;
    for (const recordId of replaced)
      for (const attempt of this.failedRepairsOf(recordId)) {
        this.#lookedAt++;
        if (++followed > MAX_FOLLOWED || replaced.size > MAX_REPAIRS) return replaced;
        const others = (left.get(attempt) ?? this.#targets.get(attempt)?.count ?? 0) - 1;
        left.set(attempt, others);
        if (others === 0) replaced.add(attempt);
      }
    return replaced;
  }

  #keep(id: RecordId, targets: Targets): void {
    this.#targets.set(id, targets);
    for (const target of targets.kept) {
      const attempts = this.#attempts.get(target);
      if (attempts === undefined) this.#attempts.set(target, [id]);
      else attempts.push(id);
    }
  }

  #isOfFocus(id: RecordId, target: RecordId): boolean {
    return id === this.#focus || target === this.#focus;
  }

  #mayKeep(id: RecordId, target: RecordId): boolean {
    if (this.#isOfFocus(id, target)) return ++this.#focusLinks <= this.#maxLinks;
    if (this.#links >= this.#maxLinks) this.#leaveOutOthers();
    if (this.#isFull) return false;
    this.#links++;
    return true;
  }

  /** Leaves out the links to records that have no dead letter so far: anyone may write any number of such links. */
  #leaveOutOthers(): void {
    if (this.#isFull) return;
    this.#attempts = new Map();
    let links = 0;
    for (const [id, targets] of this.#targets) {
      const kept = targets.kept.filter((target) => this.#isOfFocus(id, target) || this.isDeadLetter(target));
      this.#leftOut += targets.kept.length - kept.length;
      links += kept.filter((target) => !this.#isOfFocus(id, target)).length;
      if (kept.length === 0) this.#targets.delete(id);
      else this.#keep(id, { ...targets, kept });
    }
    this.#links = links;
    // Otherwise the next links would soon make the same work necessary again.
    this.#isFull = links > this.#maxLinks / 2;
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
