/** A dead letter in words, and as JSON. */
import { shellQuoted } from '../lib/shell-command.js';
import { DEAD_LETTER_CODES } from '../domain/events.js';
import { foreignText } from '../lib/foreign-text.js';
import { isoTime } from '../lib/iso-time.js';
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import { inWords } from './dead-letter-repair.js';
import type { InputAfterwards } from './input-afterwards.js';
import type { Original } from './original-record.js';

/** Whether the dead letter is a copy of the input record that it names. */
export const ORIGINALS: Readonly<Record<Original, string>> = {
  same: 'the dead letter is a copy of it',
  differs: 'the dead letter is not a copy of it, so another client may have written it',
  gone: 'the input does not have it now, so nobody can check that the dead letter is a copy of it',
};

const LONGEST_CODE = Math.max(...DEAD_LETTER_CODES.map(({ length }) => length));

/** One line of `dead-letters list`. */
export function lineOf(deadLetter: DeadLetter, read: ReadDeadLetters, afterwards: InputAfterwards): string {
  const { code, writtenAt, key } = deadLetter;
  const company = key === null || key.length === 0 ? 'no key' : shellQuoted(key.toString());
  const state = stateOf(idOf(deadLetter), read, afterwards);
  return `${idOf(deadLetter).padEnd(10)}  ${isoTime(writtenAt)}  ${foreignText(code).padEnd(LONGEST_CODE)}  ${company}  (${state})`;
}

function stateOf(id: string, { attempts }: ReadDeadLetters, afterwards: InputAfterwards): string {
  const [repair, failed, targets] = [afterwards.repairOf(id), attempts.failedRepairsOf(id), attempts.targetsOf(id)];
  const was = targets.length === 0 ? '' : `; this was a repair of ${inWords(targets)}`;
  if (repair !== null) return `repair sent: ${repair}${was}`;
  return `${failed.length === 0 ? 'no repair' : `no repair that could be read: ${inWords(failed)}`}${was}`;
}

/** The dead letter as `--json` prints it. */
export function described(deadLetter: DeadLetter, { attempts }: ReadDeadLetters, afterwards: InputAfterwards) {
  const { code, message, writtenAt, key } = deadLetter;
  const id = idOf(deadLetter);
  return {
    record: id,
    code,
    message,
    key: key?.toString() ?? null,
    at: isoTime(writtenAt),
    repairedBy: afterwards.repairOf(id),
    failedRepairs: attempts.failedRepairsOf(id),
    repairOf: attempts.targetsOf(id),
  };
}

/** Replaces numbers that JSON does not have. */
export function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
