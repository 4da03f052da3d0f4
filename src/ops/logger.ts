/**
 * The log of the processor: JSON lines on standard output that are safe for a terminal and contain no secret. A
 * warning or an error is logged at most once a minute for one cause. Field `leftOut` of a line has the number of
 * similar lines before it that were not logged.
 */
import { pino, type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import type { HideSecrets } from '../lib/hide-secrets.js';
import { printable } from '../lib/printable.js';
import { REPEAT_AFTER_MS, RepeatedLines, withoutNumbers } from '../lib/repeated-lines.js';

/** pino's level of a warning. A fatal line is the last one, and always logged. */
const WARN = 40;
const FATAL = 60;
/**
 * The limit of lines a minute about companies or records, for each kind of line. Each line names another company or
 * record, so such lines do not repeat. Many bad records must not lead to as many lines: the topics have the complete
 * data.
 */
export const COMPANY_LINES_A_MINUTE = 100;

/** Fields that are never logged, in the line itself or in an object of it, such as the request of an error. */
const SECRET_FIELDS = ['password', 'passphrase', 'authorization', 'sasl', 'auth'];
const REDACTED = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
const STANDARD_OUTPUT = 1;
/** Characters of lines that wait until standard output is read, at most. Lines beyond them are dropped and counted. */
export const MAX_WAITING_CHARACTERS = 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** `drop` and `drain` are emitted by pino's own destinations. */
interface LogDestination extends DestinationStream {
  on?(event: 'drop' | 'drain', listener: () => void): unknown;
}

export interface LoggerOptions {
  readonly level: LevelWithSilent;
  readonly pid: number;
  readonly hide: HideSecrets;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** @param destination standard output by default */
export function createLogger(options: LoggerOptions, destination: LogDestination = openLog(STANDARD_OUTPUT)): Logger {
  const { level, pid, hide, now } = options;
  const repeats = new RepeatedLines(now);
  const hooks = {
    logMethod(this: Logger, args: unknown[], log: (...args: unknown[]) => void, lineLevel: number): void {
      if (lineLevel < WARN || lineLevel >= FATAL) return log.apply(this, args);
      const { fields, message } = partsOf(args);
      const leftOut = repeats.take(causeOf(fields, message), isAboutRecord(fields) ? COMPANY_LINES_A_MINUTE : 1);
      if (leftOut === null) return;
      log.apply(this, leftOut === 0 ? args : [{ ...fields, leftOut }, message]);
    },
  };
  const safe = { write: (line: string) => destination.write(logLine(line, hide)) };
  const logger = pino({ level, base: { pid }, redact: REDACTED, hooks }, safe);
  reportDropped(logger, destination, now);
  return logger;
}

/** Once the log is read again. At most once a minute, as the hook above would leave out the second line. */
function reportDropped(logger: Logger, destination: LogDestination, now: () => number): void {
  let [lines, reportAt] = [0, -Infinity];
  destination.on?.('drop', () => lines++);
  destination.on?.('drain', () => {
    if (lines === 0 || now() < reportAt) return;
    logger.warn({ lines }, 'log lines were dropped, because nothing read the standard output');
    [lines, reportAt] = [0, now() + REPEAT_AFTER_MS];
  });
}

/**
 * Writes lines outside the event loop: a hanging reader of the log stops nothing. When the process exits, it first
 * writes what waits.
 */
export function openLog(file: number): ReturnType<typeof pino.destination> {
  return pino.destination({ dest: file, sync: false, maxLength: MAX_WAITING_CHARACTERS });
}

/** A line of JSON with its line break. C1 and bidi controls are escaped, because JSON leaves them as they are. */
function logLine(line: string, hide: HideSecrets): string {
  return `${printable(hide(line.trimEnd()))}\n`;
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
  return 'companyId' in fields || ('topic' in fields && 'offset' in fields);
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
