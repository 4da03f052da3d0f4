/**
 * The log of the processor: JSON lines, of which no warning or error comes more than once a minute for one cause. A line
 * that followed others like it has `leftOut`, how many were not logged.
 */
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import { RepeatedLines, withoutNumbers } from '../lib/repeated-lines.js';

/** pino's number of a warning; a fatal line is the last one and always logged. */
const WARN = 40;
const FATAL = 60;
/**
 * Lines a minute that name companies, for each kind of line. Each is about another company, so they are no repetition. A
 * flood of bad records must not become one of lines: the topics that they are written to have each of them.
 */
export const COMPANY_LINES_A_MINUTE = 100;

type Fields = Readonly<Record<string, unknown>>;

/** @param now milliseconds since the epoch */
export function createLogger(level: Level | 'silent', now: () => number, destination?: DestinationStream): Logger {
  const repeats = new RepeatedLines(now);
  const options = {
    level,
    base: { pid: process.pid },
    hooks: {
      logMethod(this: Logger, given: unknown[], log: (...args: unknown[]) => void, lineLevel: number): void {
        if (lineLevel < WARN || lineLevel >= FATAL) return log.apply(this, given);
        const { fields, message } = partsOf(given);
        const leftOut = repeats.take(causeOf(fields, message), 'companyId' in fields ? COMPANY_LINES_A_MINUTE : 1);
        if (leftOut === null) return;
        log.apply(this, leftOut === 0 ? given : [{ ...fields, leftOut }, message]);
      },
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** What pino takes: fields and a message, an error and a message, or a message alone. */
function partsOf([first, second]: readonly unknown[]): { fields: Fields; message: string } {
  if (first instanceof Error) return { fields: { err: first }, message: textOf(second ?? first.message) };
  if (typeof first === 'object' && first !== null) return { fields: first as Fields, message: textOf(second ?? '') };
  return { fields: {}, message: textOf(first) };
}

/**
 * Two lines have the same cause if they differ in numbers alone. A line about a partition that has no error is a fact about
 * that partition; an error is the same in all of them.
 */
function causeOf(fields: Fields, message: string): string {
  if ('companyId' in fields) return withoutNumbers(message).slice(0, MESSAGE_KIND_CHARACTERS);
  const { err, partition } = fields;
  const about = err === undefined ? (partition ?? '') : errorOf(err);
  const texts = Object.values(fields).filter((value) => typeof value === 'string');
  return `${withoutNumbers([message, ...texts].join(' '))} ${textOf(about)}`;
}

/** Behind it a message about a company may name what only that company has. */
const MESSAGE_KIND_CHARACTERS = 30;

function errorOf(err: unknown): string {
  return err instanceof Error ? withoutNumbers(`${err.name} ${err.message}`) : textOf(err);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
