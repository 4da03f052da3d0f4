/** The log: JSON lines on standard output that a terminal can show and that hold no secret. */
import { pino, type LevelWithSilent, type Logger } from 'pino';
import type { HideSecrets } from '../lib/hide-secrets.js';
import { printable } from '../lib/printable.js';

/** Never logged, in the line itself or in an object of it, such as the request of an error. */
const SECRET_FIELDS = ['password', 'passphrase', 'authorization', 'sasl', 'auth'];
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
const STANDARD_OUTPUT = 1;

/** Writes at once: the last line before the process ends is not lost. */
export function createLogger(level: LevelWithSilent, pid: number, hide: HideSecrets): Logger {
  const output = pino.destination({ dest: STANDARD_OUTPUT, sync: true });
  return pino({ level, base: { pid }, redact: REDACTED }, { write: (line) => output.write(logLine(line, hide)) });
}

/** A line of JSON with its line break: JSON leaves C1 and bidi controls as they are. */
export function logLine(line: string, hide: HideSecrets): string {
  return `${printable(hide(line.trimEnd()))}\n`;
}
