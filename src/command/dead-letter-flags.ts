/** What was typed about dead letters: one of them, or which of them. */
import type { Flags } from '../config.js';
import { POISON_CODES } from '../domain/events.js';
import type { DeadLetter } from '../publish/dead-letter.js';
import type { RecordId } from './repair-attempts.js';
import { UsageError } from './usage-error.js';

/** @throws UsageError */
export function idOfLetter(word: string): RecordId {
  const [, partition, offset] = /^(\d+)\/(\d+)$/.exec(word) ?? [];
  if (partition === undefined || offset === undefined)
    throw new UsageError([`${JSON.stringify(word)} is no <partition>/<offset>`]);
  return `${Number(partition)}/${Number(offset)}`;
}

/** @throws UsageError */
export function lettersWanted({ code, since }: Flags): {
  readonly sinceMs: number | null;
  readonly isWanted: (letter: DeadLetter) => boolean;
} {
  if (code !== undefined && !POISON_CODES.some((known) => known === code))
    throw new UsageError([`--code is ${JSON.stringify(code)}: expected one of ${POISON_CODES.join(', ')}`]);
  const sinceMs = since === undefined ? null : Date.parse(String(since));
  if (Number.isNaN(sinceMs))
    throw new UsageError([`--since is ${JSON.stringify(since)}: expected a time such as 2026-01-31T12:00:00Z`]);
  return { sinceMs, isWanted: (letter) => code === undefined || letter.code === code };
}
