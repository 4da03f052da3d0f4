/** A logger whose lines a test can read. */
import { pino, type Level, type Logger } from 'pino';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** @param level the lowest that is logged */
export function readableLogger(level: Level | 'silent' = 'info'): {
  readonly logger: Logger;
  readonly lines: LogLine[];
} {
  const lines: LogLine[] = [];
  return { lines, logger: pino({ level }, { write: (line) => lines.push(JSON.parse(line) as LogLine) }) };
}
