/** The data of dead letters that a command keeps in memory while it reads the topic. */
import type { LogRecord } from '../lib/record.js';
import { copyOf, idOf, readDeadLetter, sizeOf, type DeadLetter } from '../publish/dead-letter.js';
import { RepairAttempts, type RecordId } from './repair-attempts.js';

/** Most dead letters that one command reads. It keeps only the id, the company and the repair attempts of each. */
const MAX_DEAD_LETTERS = 1_000_000;
/** Most bytes of keys, headers and messages that one command keeps: each may be as long as a record. */
export const MAX_DEAD_LETTERS_BYTES = 256 * 1_024 * 1_024;

/** The dead letters that were read. */
export interface ReadDeadLetters {
  /** The wanted dead letters, in the order in which they were written. */
  readonly deadLetters: readonly DeadLetter[];
  /** All dead letters that were read, each with the company that its key names; null if it has no key. */
  readonly companies: ReadonlyMap<RecordId, string | null>;
  /** Dead letters that are not about the company that their key names. */
  readonly mismatched: ReadonlySet<RecordId>;
  /** The dead letters that were repairs themselves. */
  readonly attempts: RepairAttempts;
}

/** Collects dead letters. `result` may be called at any time, for what was read so far. */
export class DeadLetterCollector {
  readonly #deadLetters: DeadLetter[] = [];
  readonly #companies = new Map<RecordId, string | null>();
  readonly #mismatched = new Set<RecordId>();
  readonly #attempts = new RepairAttempts();
  #bytes = 0;

  constructor(
    private readonly input: string,
    private readonly wanted: (deadLetter: DeadLetter) => DeadLetter | null,
    private readonly maxBytes = MAX_DEAD_LETTERS_BYTES,
  ) {}

  take(records: readonly LogRecord[]): void {
    for (const record of records) {
      const deadLetter = readDeadLetter(record);
      if (deadLetter === null || deadLetter.topic !== this.input) continue;
      this.#companies.set(
        idOf(deadLetter),
        deadLetter.key === null || deadLetter.key.length === 0 ? null : deadLetter.key.toString(),
      );
      if (deadLetter.code === 'key-mismatch') this.#mismatched.add(idOf(deadLetter));
      this.#attempts.add(deadLetter);
      if (this.#companies.size > MAX_DEAD_LETTERS)
        throw new Error(`there are more than ${MAX_DEAD_LETTERS} dead letters to read: pass a later --since`);
      const kept = this.wanted(deadLetter);
      this.#bytes += deadLetter.key?.length ?? 0;
      if (kept !== null) this.#bytes += sizeOf(kept) + kept.code.length + kept.message.length;
      if (this.#bytes > this.maxBytes)
        throw new Error(`the dead letters take more than ${this.maxBytes} bytes to keep: pass a later --since`);
      if (kept !== null) this.#deadLetters.push(copyOf(kept));
    }
  }

  result(): ReadDeadLetters {
    const deadLetters = this.#deadLetters.sort(
      (a, b) => a.writtenAt - b.writtenAt || a.partition - b.partition || a.offset - b.offset,
    );
    return { deadLetters, companies: this.#companies, mismatched: this.#mismatched, attempts: this.#attempts };
  }
}
