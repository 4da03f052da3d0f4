/** Escapes characters that could move a terminal's cursor, begin a line or change the order in which text is shown. */

/**
 * Control characters (C0 with ESC, BEL and line breaks; DEL; C1), format characters (bidi overrides, zero width), line
 * and paragraph separators, and halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Makes text one line that is safe for a terminal. Ids, names, headers and messages of brokers come from others. The
 * escapes are those of JSON, so a line of JSON stays the same JSON.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => SHORT[character] ?? escaped(character));
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
