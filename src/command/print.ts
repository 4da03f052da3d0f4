/** The only place that writes to the terminal. No printed text can move the cursor or begin a line of its own. */
import { styleText } from 'node:util';
import { printable } from '../lib/printable.js';

export type Colour = 'green' | 'yellow' | 'red';

/**
 * Prints one line. Control characters, format characters and line breaks are escaped, so pass each line separately.
 * The colour is for people: see `inColour`.
 */
export type Print = (line: string, colour?: Colour) => void;

/** The exit code of a process that SIGPIPE ends, as a shell shows it. */
export const EXIT_OUTPUT_CLOSED = 141;

/**
 * Nobody reads standard output any more, as after `| head`; or it cannot be written, as on a full disk. A command is
 * told by its next print, so it ends between two pieces of work, and its `finally` blocks run.
 */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  /** Whether the reader has closed the pipe. This is not a fault, and no message about it could be read. */
  readonly isClosed: boolean;

  constructor(cause: Error & { readonly code?: string }) {
    super(`cannot write the output: ${cause.message}`, { cause });
    this.isClosed = cause.code === 'EPIPE';
  }
}

/** Standard output of one process. Create it once: it listens for errors from then on. */
export class Output {
  /** The first error. Node forgets the error of a standard stream as soon as it has reported it. */
  #error: OutputError | null = null;

  constructor(private readonly stream: Pick<NodeJS.WriteStream, 'write' | 'on'> & { readonly errored: Error | null }) {
    stream.on('error', (error: Error) => this.#note(error));
  }

  /** The error that a print met, also after the last print; null if everything was written so far. */
  get error(): OutputError | null {
    return this.#error;
  }

  /** @throws OutputError if this line or an earlier one was not written */
  readonly print: Print = (line, colour) => {
    if (this.#error === null) {
      this.stream.write(`${inColour(printable(line), colour)}\n`);
      // A pipe reports its error at once, and the listener is called only later.
      if (this.stream.errored !== null) this.#note(this.stream.errored);
    }
    if (this.#error !== null) throw this.#error;
  };

  #note(error: Error): void {
    this.#error ??= new OutputError(error);
  }
}

/** Call it once in a process, before anything is printed. */
export function standardOutput(): Output {
  process.stderr.on('error', () => undefined); // If nobody reads errors and progress, the command continues.
  return new Output(process.stdout);
}

/** Prints errors and progress to standard error. */
export function printToStandardError(line: string): void {
  console.error(printable(line));
}

/** Prints text whose line breaks come from the command: help, or a table of values that `printable` has escaped. */
export function printText(text: string, print: Print): void {
  for (const line of text.split('\n')) print(line);
}

/** Prints a value as JSON in several lines. Strings in the value cannot add lines, because JSON escapes line breaks. */
export function printJson(value: unknown, print: Print, replacer?: (key: string, value: unknown) => unknown): void {
  printText(JSON.stringify(value, replacer, 2), print);
}

/**
 * The text in a colour if standard output is a terminal with colours; otherwise unchanged, as in a pipe or a file.
 * Node's rules for NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR and TERM=dumb apply.
 */
function inColour(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : styleText(colour, text);
}
