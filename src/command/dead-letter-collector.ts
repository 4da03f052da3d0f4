/** The data of dead letters that a command keeps in memory while it reads the topic. */
import { companyToHold } from '../decode/sync-event-decoder.js';
import { recordBytes, type LogRecord } from '../lib/record.js';
import { copyOf, idOf, readDeadLetter, type DeadLetter } from '../publish/dead-letter.js';
import { DeadLetterDigests, DIGEST_BYTES, type BadRecords } from './original-record.js';
import { RepairAttempts, type RecordId } from './repair-attempts.js';

/** Most dead letters that one command reads. It keeps only the id, the company, a digest and the repair attempts of each. */
const MAX_DEAD_LETTERS = 1_000_000;
/** Most bytes of keys, headers and messages that one command keeps: each may be as long as a record. */
export const MAX_DEAD_LETTERS_BYTES = 256 * 1_024 * 1_024;

/** The dead letters that were read. */
export interface ReadDeadLetters {
  /** The wanted dead letters, as nearly as possible in the order of their records: within a partition, exactly. */
  readonly deadLetters: readonly DeadLetter[];
  /** The dead letters that were read, each with the company that its key names; null if the key names no company. */
  readonly companies: ReadonlyMap<RecordId, string | null>;
  /** The records that they name. */
  readonly badRecords: BadRecords;
  /** The timestamps of their records, milliseconds since the epoch. If dead letters of one record differ, the lowest. */
  readonly timestamps: ReadonlyMap<RecordId, number>;
  /** Dead letters that are not about the company that their key names. */
  readonly mismatched: ReadonlySet<RecordId>;
  /** The dead letters that were repairs themselves. */
  readonly attempts: RepairAttempts;
  /** A warning if there was too much to keep; otherwise null. */
  readonly incomplete: string | null;
}

/** The limits of what is kept of dead letters that nobody wants. */
export interface CollectorLimits {
  readonly deadLetters: number;
  readonly bytes: number;
  /** If it is set, dead letters beyond the limits are left out. Otherwise `take` throws. */
  readonly focus?: RecordId;
  /** Dead letters written before this time, in milliseconds since the epoch, are left out and count for no limit. */
  readonly sinceMs?: number;
}

const LIMITS: CollectorLimits = { deadLetters: MAX_DEAD_LETTERS, bytes: MAX_DEAD_LETTERS_BYTES };

/** Limits for a command about the dead letters since a time; null means all. */
export function writtenSince(sinceMs: number | null): CollectorLimits {
  return sinceMs === null ? LIMITS : { ...LIMITS, sinceMs };
}

/** Limits for a command about one dead letter. Dead letters of others must not make it fail. */
export function focusedOn(id: RecordId): CollectorLimits {
  return { ...LIMITS, focus: id };
}

/** Collects dead letters. `result` may be called at any time, for what was read so far. */
export class DeadLetterCollector {
  readonly #deadLetters: DeadLetter[] = [];
  readonly #kept = new Set<RecordId>();
  readonly #companies = new Map<RecordId, string | null>();
  readonly #badRecords = new DeadLetterDigests();
  readonly #timestamps = new Map<RecordId, number>();
  readonly #mismatched = new Set<RecordId>();
  readonly #attempts: RepairAttempts;
  #bytes = 0;
  #leftOut = 0;

  constructor(
    private readonly input: string,
    private readonly wanted: (deadLetter: DeadLetter) => DeadLetter | null,
    private readonly limits: CollectorLimits = LIMITS,
  ) {
    const { focus } = limits;
    this.#attempts = new RepairAttempts((id) => this.#companies.has(id), focus === undefined ? {} : { focus });
  }

  /** @throws Error if there are too many dead letters, and the limits have no `focus` */
  take(records: readonly LogRecord[]): void {
    const { sinceMs = -Infinity } = this.limits;
    for (const record of records) {
      const deadLetter = readDeadLetter(record);
      if (deadLetter === null || deadLetter.topic !== this.input || deadLetter.writtenAt < sinceMs) continue;
      const id = idOf(deadLetter);
      this.#note(id, deadLetter);
      this.#attempts.add(deadLetter);
      const kept = this.wanted(deadLetter);
      // Anyone may write more dead letters of the same record. The first one counts.
      if (kept === null || this.#kept.has(id)) continue;
      this.#add(recordBytes(kept) + kept.code.length + kept.message.length);
      this.#kept.add(id);
      this.#deadLetters.push(copyOf(kept));
    }
  }

  result(): ReadDeadLetters {
    const deadLetters = inOrder(this.#deadLetters);
    const incomplete = incompleteBecause(this.#leftOut, this.#attempts.leftOut);
    const [companies, badRecords, timestamps] = [this.#companies, this.#badRecords, this.#timestamps];
    const [mismatched, attempts] = [this.#mismatched, this.#attempts];
    return { deadLetters, companies, badRecords, timestamps, mismatched, attempts, incomplete };
  }

  #note(id: RecordId, deadLetter: DeadLetter): void {
    const company = deadLetter.key === null ? null : companyToHold(deadLetter.key);
    const isMismatched = deadLetter.code === 'key-mismatch';
    const timestamp = this.#timestamps.get(id);
    if (timestamp !== undefined) {
      this.#timestamps.set(id, Math.min(timestamp, deadLetter.timestamp));
      // Dead letters of one record contradict each other: the claim that its key is wrong does not count.
      if (this.#companies.get(id) !== company || !isMismatched) this.#mismatched.delete(id);
      // Without room, the record counts as good, so a repair is rather refused.
      if (!this.#isBeyondLimits(DIGEST_BYTES)) this.#bytes += this.#badRecords.add(id, deadLetter);
      return;
    }
    const bytes = company === null ? 0 : company.length;
    if (this.limits.focus !== undefined && this.#isBeyondLimits(bytes)) {
      this.#leftOut++;
      return;
    }
    this.#companies.set(id, company);
    this.#timestamps.set(id, deadLetter.timestamp);
    if (isMismatched) this.#mismatched.add(id);
    if (this.#companies.size > this.limits.deadLetters)
      throw new Error(`there are more than ${this.limits.deadLetters} dead letters to read: pass a later --since`);
    this.#badRecords.add(id, deadLetter);
    this.#add(bytes);
  }

  #isBeyondLimits(bytes: number): boolean {
    return this.#companies.size >= this.limits.deadLetters || this.#bytes + bytes > this.limits.bytes;
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.limits.bytes)
      throw new Error(`the dead letters take more than ${this.limits.bytes} bytes to keep: pass a later --since`);
  }
}

/**
 * Sorts dead letters of one partition by their offset, whatever the clocks of the instances that wrote them said. Dead
 * letters of several partitions are in the order of these clocks, except where that contradicts the offsets.
 */
function inOrder(deadLetters: readonly DeadLetter[]): DeadLetter[] {
  const byOffset = [...deadLetters].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  let latest = -Infinity;
  const timed = byOffset.map((deadLetter, i) => {
    const isSame = byOffset[i - 1]?.partition === deadLetter.partition;
    latest = isSame ? Math.max(latest, deadLetter.writtenAt) : deadLetter.writtenAt;
    return { deadLetter, latest };
  });
  return timed.sort((a, b) => a.latest - b.latest).map(({ deadLetter }) => deadLetter); // A stable sort keeps the offsets' order.
}

/** Says what was left out; null if nothing was. */
function incompleteBecause(deadLetters: number, links: number): string | null {
  const facts = [
    ...(deadLetters > 0 ? [`${deadLetters} dead letters of other records`] : []),
    ...(links > 0 ? [`${links} records that dead letters name in repairs headers`] : []),
  ];
  if (facts.length === 0) return null;
  return (
    `warning: ${facts.join(' and ')} are left out, because there are too many: some failed repairs may not be listed, ` +
    'and may need a repair of their own'
  );
}
