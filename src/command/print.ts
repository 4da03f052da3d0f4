/** The only place that writes to the terminal. No printed text can move the cursor or begin a line of its own. */
import { styleText } from 'node:util';
import { printable } from '../lib/printable.js';

export type Colour = 'green' | 'yellow' | 'red';

/**
 * Prints one line. Control characters, format characters and line breaks are escaped, so pass each line separately.
 * The colour is for people: see `inColour`.
 */
export type Print = (line: string, colour?: Colour) => void;

/** To standard output. */
export const printLine: Print = (line, colour) => console.log(inColour(printable(line), colour));

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
