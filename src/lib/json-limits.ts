/**
 * Checks a JSON text from outside before JSON.parse reads it. JSON.parse accepts any depth, but code that visits the
 * value by recursion, such as JSON.stringify, exhausts the stack at some thousands of levels. And an object of very many
 * keys, or of long keys, takes seconds: V8 hashes a text of more than 16,383 characters by its length alone, so it
 * compares long keys of equal length one by one. A hostile text of a few kilobytes, compressed, can have all that.
 */

/** Far above what schemas and answers have, and far below what the stack takes. */
export const MAX_JSON_DEPTH = 1_000;
/** Members of one object. Schemas and answers have some ten. */
export const MAX_JSON_MEMBERS = 1_000;
/**
 * Members of all objects together. A company at its limits has 235,000. JSON.parse takes up to 5 µs for a member, if
 * hardly any two objects have the same keys in the same order.
 */
export const MAX_JSON_MEMBERS_TOGETHER = 300_000;
/** Objects and lists together. A company at its limits has some 30,000. */
export const MAX_JSON_PARTS = 250_000;
/** Characters of a key, as it is written. */
export const MAX_JSON_KEY_CHARACTERS = 1_024;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const OPENING: readonly number[] = [0x5b, 0x7b];
const CLOSING: readonly number[] = [0x5d, 0x7d];

/** The limit that the text exceeds, in words; null if it exceeds none. If the text is not JSON, it may be either. */
export function exceededJsonLimit(json: string): string | null {
  /** For each list or object that the position is inside of, and for the text itself: its members so far. */
  const members = [0];
  let together = 0;
  let parts = 0;
  let textCharacters = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) {
      const end = endOfText(json, at);
      textCharacters = end - at - 1;
      at = end;
    } else if (character <= COMMA) continue;
    else if (character === COLON) {
      if (textCharacters > MAX_JSON_KEY_CHARACTERS) return `a key has more than ${MAX_JSON_KEY_CHARACTERS} characters`;
      if (((members[members.length - 1] as number) += 1) > MAX_JSON_MEMBERS)
        return `an object has more than ${MAX_JSON_MEMBERS} members`;
      if (++together > MAX_JSON_MEMBERS_TOGETHER)
        return `its objects have more than ${MAX_JSON_MEMBERS_TOGETHER} members together`;
    } else if (OPENING.includes(character)) {
      if (++parts > MAX_JSON_PARTS) return `it has more than ${MAX_JSON_PARTS} lists and objects`;
      if (members.push(0) > MAX_JSON_DEPTH + 1) return `it nests more than ${MAX_JSON_DEPTH} lists and objects`;
    } else if (CLOSING.includes(character) && members.length > 1) members.pop();
  }
  return null;
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
