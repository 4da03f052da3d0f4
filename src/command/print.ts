/** The only place that writes to the terminal: nothing printed can move the cursor or begin a line of its own. */
import { styleText } from 'node:util';
import { printable } from '../lib/printable.js';

export type Colour = 'green' | 'yellow' | 'red';

/**
 * Prints one line. Control and format characters in it are shown escaped, line breaks too: pass each line by itself.
 * The colour is for people: see `inColour`.
 */
export type Print = (line: string, colour?: Colour) => void;

/** To standard output. */
export const printLine: Print = (line, colour) => console.log(inColour(printable(line), colour));

/** To standard error: what failed, or how far it is. */
export function printToStandardError(line: string): void {
  console.error(printable(line));
}

/** Prints text whose line breaks are the command's own: help, or a table of values that `printable` has escaped. */
export function printText(text: string, print: Print): void {
  for (const line of text.split('\n')) print(line);
}

/** Prints a value as JSON over several lines. Texts in it have no line breaks: JSON escapes them. */
export function printJson(value: unknown, print: Print, replacer?: (key: string, value: unknown) => unknown): void {
  printText(JSON.stringify(value, replacer, 2), print);
}

/**
 * The text in a colour where standard output is a terminal that has colours, else as it is: never in a pipe or a file.
 * NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR and TERM=dumb count, as Node has them.
 */
function inColour(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : styleText(colour, text);
}
