/** Escapes characters that could move a terminal's cursor, begin a line or change the order in which text is shown. */

/**
 * Control characters (C0 with ESC, BEL and line breaks; DEL; C1), format characters (bidi overrides, zero width), line
 * and paragraph separators, halves of surrogate pairs, and what is shown as nothing (fillers, variation selectors).
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

/** Code unit -> the letter of its short escape. */
const SHORT: ReadonlyMap<number, number> = new Map(
  ['\nn', '\rr', '\tt'].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]),
);
const [BACKSLASH, LETTER_U] = [0x5c, 0x75];
const DIGITS = Uint16Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Code units of the longest escape. */
const ESCAPE_UNITS = 6;

/** For each code point of a page, whether it is unprintable. A page is made when a text first needs it. */
const pages: (Uint8Array | undefined)[] = [];
const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;

/**
 * Makes text one line that is safe for a terminal. Ids, names, headers and messages of brokers come from others. The
 * escapes are those of JSON, so a line of JSON stays the same JSON.
 *
 * A million characters that are all escaped take 50 ms. A callback of `replace` for each of them takes 1.3 s.
 */
export function printable(text: string): string {
  return UNPRINTABLE.test(text) ? escaped(text) : text;
}

function escaped(text: string): string {
  const units = new Uint16Array(text.length + (ESCAPE_UNITS - 1) * countUnprintable(text));
  let length = 0;
  for (let at = 0; at < text.length;) {
    const width = widthAt(text, at);
    const escape = isUnprintable(text, at, width);
    for (const end = at + width; at < end; at++) {
      const unit = text.charCodeAt(at);
      if (escape) length = writeEscape(unit, units, length);
      else units[length++] = unit;
    }
  }
  return Buffer.from(units.buffer, 0, 2 * length).toString('utf16le');
}

/** The number of code units that are escaped. */
function countUnprintable(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length;) {
    const width = widthAt(text, at);
    if (isUnprintable(text, at, width)) count += width;
    at += width;
  }
  return count;
}

/** The code units of the character. Half of a surrogate pair is a character of its own. */
function widthAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit < 0xd800 || unit > 0xdbff ? 1 : (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

function isUnprintable(text: string, at: number, width: number): boolean {
  const codePoint = width === 1 ? text.charCodeAt(at) : (text.codePointAt(at) as number);
  const page = pages[codePoint >> PAGE_BITS] ?? makePage(codePoint >> PAGE_BITS);
  return page[codePoint & (PAGE - 1)] === 1;
}

function makePage(number: number): Uint8Array {
  const first = number << PAGE_BITS;
  const page = Uint8Array.from({ length: PAGE }, (_, i) => (UNPRINTABLE.test(String.fromCodePoint(first + i)) ? 1 : 0));
  pages[number] = page;
  return page;
}

/** Returns the position after the escape. */
function writeEscape(unit: number, units: Uint16Array, at: number): number {
  units[at] = BACKSLASH;
  const letter = SHORT.get(unit);
  units[at + 1] = letter ?? LETTER_U;
  if (letter !== undefined) return at + 2;
  for (let digit = 0; digit < 4; digit++) units[at + 2 + digit] = DIGITS[(unit >> (4 * (3 - digit))) & 0xf] as number;
  return at + ESCAPE_UNITS;
}

/** The first characters of a text, and `…` if it has more. */
export function shortened(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
