/** A record that cannot be read as an event. */
import type { InputEvent, PoisonCode } from '../domain/events.js';
import type { LogRecord } from '../lib/record.js';

export interface Poison {
  readonly record: LogRecord;
  readonly code: PoisonCode;
  /** What is wrong, where, and what to do about it; for people. */
  readonly message: string;
  /** The company that the record's key names, which must be held; null if the key is missing, not UTF-8 or too long. */
  readonly heldCompanyId: string | null;
}

/** What became of one input record. */
export type Decoded = InputEvent | Poison;

export function isPoison(decoded: Decoded): decoded is Poison {
  return 'code' in decoded;
}
