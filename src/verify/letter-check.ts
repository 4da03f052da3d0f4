/** Checks the dead letters of one company, each beside the record of the input that it names. */
import type { LogRecord } from '../lib/record.js';
import type { CheckContext, Verdicts } from './check-context.js';
import { codeOf, faultsOf, shownRecord } from './check-dead-letter.js';
import { isLimit, type BadCode, type ReadInput } from './input-event.js';
import { placeOf, type Row } from './rows.js';

export class LetterCheck {
  /** The dead letter that names the next record; null if there is none. */
  #next: Row | null = null;

  constructor(
    private readonly context: CheckContext,
    private readonly verdicts: Verdicts,
  ) {}

  take(row: Row): void {
    if (this.#next?.about !== row.about) {
      this.#drop();
      this.#next = row;
      return;
    }
    const what = `offset ${row.about} has another dead letter at ${placeOf(row)}`;
    this.verdicts.find('dead-letter-duplicate', what, shownRecord(row.record), null);
  }

  /** The dead letter of the record at an offset; null if there is none. */
  of(offset: number): Row | null {
    if (this.#next?.about !== offset) this.#drop();
    const letter = this.#next;
    this.#next = null;
    return letter;
  }

  finish(): void {
    this.#drop();
  }

  /** The dead letter names an offset without a record of this company. */
  #drop(): void {
    const letter = this.#next;
    this.#next = null;
    if (letter !== null && letter.about >= this.context.from)
      this.#unexplained(letter, `no record with its key is at offset ${letter.about}`);
  }

  /**
   * Two dead letters cannot be disproved: an unknown schema may be registered by now, and whether a company was too
   * large may depend on records that are gone.
   */
  trusting(letter: Row | null, read: ReadInput): ReadInput {
    const code = letter === null ? null : codeOf(letter.record);
    if (code === 'unknown-schema' && read.kind === 'event') {
      this.verdicts.leaveOpen('schema-registered-since');
      return { kind: 'bad', code };
    }
    if (!this.context.hasWholeInput && code !== null && isLimit(code) && read.kind === 'event')
      return { kind: 'bad', code };
    return read;
  }

  /** @param code why the record is bad; null if it needs no dead letter */
  check(letter: Row | null, code: BadCode | null, record: LogRecord): void {
    if (code === null) {
      if (letter !== null) this.#unexplained(letter, `offset ${letter.about} is not a bad record`);
    } else if (letter === null) this.#missing(code, record);
    else this.#compare(letter, code, record);
  }

  #missing(code: BadCode, record: LogRecord): void {
    const { partition, hasWholeInput, deadLettersSince } = this.context;
    // A record that exceeds a limit is no dead letter if its company was over before the first record left.
    if (!hasWholeInput && isLimit(code)) this.verdicts.leaveOpen('input-gone');
    else if (record.timestamp < deadLettersSince) this.verdicts.leaveOpen('dead-letter-may-be-gone');
    else {
      const what = `no dead letter of ${partition}/${record.offset}, which is ${code}`;
      this.verdicts.find('dead-letter-lost', what, null, shownRecord(record));
    }
  }

  #compare(letter: Row, code: BadCode, record: LogRecord): void {
    const { topic, partition, envelope, deadLetterPartitions } = this.context;
    const letterPartition = envelope.inputPartitions === deadLetterPartitions ? partition : null;
    const expected = { topic, partition, offset: record.offset, letterPartition };
    const faults = faultsOf(letter, record, code, expected);
    if (faults.length === 0) return;
    const what = `the dead letter of ${partition}/${record.offset} differs: ${faults.join(', ')}`;
    const shouldHaveCome = { ...shownRecord(record), dl_code: code };
    this.verdicts.find('dead-letter-altered', what, shownRecord(letter.record), shouldHaveCome);
  }

  #unexplained(letter: Row, why: string): void {
    const what = `the dead letter at ${placeOf(letter)} is not explained: ${why}`;
    this.verdicts.find('dead-letter-unexplained', what, shownRecord(letter.record), null);
  }
}
