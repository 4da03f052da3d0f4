/** A bad record: one that cannot be read as an event, or that exceeds a limit. */
import type { DeadLetterCode, InputEvent } from '../domain/events.js';
import type { LogRecord } from '../lib/record.js';

/** The most characters of a reason. A reason may contain names, and names may have any length. */
export const MAX_REASON_CHARACTERS = 300;

export interface BadRecord {
  readonly record: LogRecord;
  readonly code: DeadLetterCode;
  /** What is wrong, where, and what to do about it; for people. */
  readonly message: string;
  /** The company to hold, from the record's key. Null if the key is missing, not UTF-8 or too long. */
  readonly heldCompanyId: string | null;
}

/** The result of decoding one input record. */
export type Decoded = InputEvent | BadRecord;

export function isBadRecord(decoded: Decoded): decoded is BadRecord {
  return 'code' in decoded;
}
