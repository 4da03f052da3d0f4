import { styleText } from 'node:util';

export type Colour = 'green' | 'yellow' | 'red';

/** Prints a line, or several in one text; the colour is for people: see `inColour`. */
export type Print = (line: string, colour?: Colour) => void;

/**
 * The text in a colour where standard output is a terminal that has colours, else as it is: never in a pipe or a file.
 * NO_COLOR, NODE_DISABLE_COLORS, FORCE_COLOR and TERM=dumb count, as Node has them.
 */
export function inColour(text: string, colour: Colour | undefined): string {
  return colour === undefined ? text : styleText(colour, text);
}
