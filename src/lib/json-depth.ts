/**
 * Checks how deeply a JSON text nests. JSON.parse accepts any depth. But code that visits the value by recursion, such
 * as JSON.stringify, exhausts the stack at some thousands of levels. A hostile text of a few kilobytes can have that
 * many.
 */

/** Far above what schemas and answers have, and far below what the stack takes. */
export const MAX_JSON_DEPTH = 1_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPENING: readonly number[] = [0x5b, 0x7b];
const CLOSING: readonly number[] = [0x5d, 0x7d];

/** If the text is not JSON, the result may be true or false. */
export function isTooDeep(json: string): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) at = endOfText(json, at);
    else if (character <= COMMA) continue;
    else if (OPENING.includes(character)) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (CLOSING.includes(character)) depth--;
  }
  return false;
}

/** @param start the position of the string's opening quote */
function endOfText(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) return at;
    if (character === BACKSLASH) at++;
  }
  return json.length;
}
