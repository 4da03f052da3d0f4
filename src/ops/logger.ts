/**
 * The log of the processor: JSON lines on standard output that are safe for a terminal and contain no secret. A
 * warning or an error is logged at most once a minute for one cause. Field `leftOut` of a line has the number of
 * similar lines before it that were not logged.
 */
import { pino, type LevelWithSilent, type Logger } from 'pino';
import { cutText } from '../lib/cut-text.js';
import type { HideSecrets } from '../lib/hide-secrets.js';
import { printable } from '../lib/printable.js';
import { RepeatedLines, withoutNumbers } from '../lib/repeated-lines.js';
import { LogOutput, withoutBlocking } from './log-output.js';

/** pino's level of a warning. A fatal line is the last one, and always logged. */
const WARN = 40;
const FATAL = 60;
/**
 * The limit of lines a minute about companies or records, for each kind of line. Each line names another company or
 * record, so such lines do not repeat. Many bad records must not lead to as many lines: the topics have the complete
 * data.
 */
export const COMPANY_LINES_A_MINUTE = 100;

/**
 * Names of fields whose values are never logged, in any object of a line, such as the request of an error. pino's own
 * `redact` copied each line, which took a sixth of all memory that a backlog allocates. Nearly no line has such a field.
 */
const SECRET_FIELD = /"(password|passphrase|authorization|sasl|auth)":/i;
/** Characters of one line. LogOutput drops what does not fit into MAX_WAITING_CHARACTERS: four such lines fit. */
export const MAX_LINE_CHARACTERS = 256 * 1_024;
/** The fields of a longer line that are logged, and how many characters of each. */
const KEPT_FIELDS = ['level', 'time', 'pid', 'companyId', 'partition', 'topic', 'offset', 'msg'] as const;
const MAX_KEPT_CHARACTERS = 2_000;
const REDACTED = '[Redacted]';
const STANDARD_OUTPUT = 1;

type Fields = Readonly<Record<string, unknown>>;

type LogDestination = Pick<LogOutput, 'write'> & Partial<LogOutput>;

export interface LoggerOptions {
  readonly level: LevelWithSilent;
  readonly pid: number;
  readonly hide: HideSecrets;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** @param destination standard output by default */
export function createLogger(options: LoggerOptions, destination?: LogDestination): Logger {
  const { level, pid, hide, now } = options;
  // Apart, so that many different warnings never use up the lines of errors.
  const repeats = { warnings: new RepeatedLines(now), errors: new RepeatedLines(now) };
  const hooks = {
    logMethod(this: Logger, args: unknown[], log: (...args: unknown[]) => void, lineLevel: number): void {
      if (lineLevel < WARN || lineLevel >= FATAL) return log.apply(this, args);
      const { fields, message } = partsOf(args);
      const leftOut = (lineLevel === WARN ? repeats.warnings : repeats.errors).take(
        causeOf(fields, message),
        isAboutRecord(fields) ? COMPANY_LINES_A_MINUTE : 1,
      );
      if (leftOut === null) return;
      log.apply(this, leftOut === 0 ? args : [{ ...fields, leftOut }, message]);
      output.flush?.();
    },
  };
  const output =
    destination ??
    standardOutput(now, (lines) => {
      logger.warn(
        { lines },
        'log lines were dropped, because the standard output was not read or could not be written',
      );
    });
  // pino calls `flush` for `logger.flush`, and `flushSync` after a fatal line.
  const lastFlush = () => output.lastFlush?.();
  const safe = { write: (line: string) => output.write(logLine(line, hide)), flush: lastFlush, flushSync: lastFlush };
  const logger: Logger = pino({ level, base: { pid }, hooks }, safe);
  return logger;
}

function standardOutput(now: () => number, onDropped: (lines: number) => void): LogOutput {
  const output = new LogOutput(withoutBlocking(STANDARD_OUTPUT), now, onDropped);
  process.once('exit', () => output.lastFlush());
  return output;
}

/** A line of JSON with its line break. C1 and bidi controls are escaped, because JSON leaves them as they are. */
function logLine(line: string, hide: HideSecrets): string {
  if (line.length > MAX_LINE_CHARACTERS) return shortened(line, hide);
  const shown = SECRET_FIELD.test(line) ? JSON.stringify(JSON.parse(line, redacted)) : line.trimEnd();
  const safe = printable(hide(shown));
  return safe.length > MAX_LINE_CHARACTERS ? shortened(line, hide) : `${safe}\n`;
}

/** A longer line without its other fields: what it says, and about whom. Its length is in `characters`. */
function shortened(line: string, hide: HideSecrets): string {
  const fields = JSON.parse(line) as Fields;
  const kept: Record<string, string | number> = {};
  for (const name of KEPT_FIELDS) {
    const value = fields[name];
    if (typeof value === 'number') kept[name] = value;
    else if (typeof value === 'string') kept[name] = cutText(hide(value), MAX_KEPT_CHARACTERS);
  }
  return `${printable(JSON.stringify({ ...kept, characters: line.length }))}\n`;
}

function redacted(field: string, value: unknown): unknown {
  return SECRET_FIELD.test(`"${field}":`) ? REDACTED : value;
}

/** Splits the arguments that pino takes: fields and a message, an error and a message, or only a message. */
function partsOf([first, second]: readonly unknown[]): { fields: Fields; message: string } {
  if (first instanceof Error) return { fields: { err: first }, message: textOf(second ?? first.message) };
  if (typeof first === 'object' && first !== null) return { fields: first as Fields, message: textOf(second ?? '') };
  return { fields: {}, message: textOf(first) };
}

/**
 * Two lines have the same cause if they differ only in numbers. A line without an error is about one partition, so each
 * partition has its own cause. An error is the same cause in all partitions.
 */
function causeOf(fields: Fields, message: string): string {
  if (isAboutRecord(fields)) return withoutNumbers(message).slice(0, MESSAGE_KIND_CHARACTERS);
  const { err, partition } = fields;
  const about = err === undefined ? (partition ?? '') : errorOf(err);
  const texts = Object.values(fields).filter((value) => typeof value === 'string');
  return `${withoutNumbers([message, ...texts].join(' '))} ${textOf(about)}`;
}

/**
 * Whether the line is about a company or a record. Its text quotes what a producer has written, and may differ in each
 * line.
 */
function isAboutRecord(fields: Fields): boolean {
  return 'companyId' in fields || 'offset' in fields;
}

/**
 * Only this many characters of a message count for its cause: the text after them may be different for each company.
 */
const MESSAGE_KIND_CHARACTERS = 30;

function errorOf(err: unknown): string {
  return err instanceof Error ? withoutNumbers(`${err.name} ${err.message}`) : textOf(err);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
