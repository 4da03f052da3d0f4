/**
 * Short texts that come again and again (status words, data types), each made once.
 *
 * Making a string of bytes costs more than finding one; and equal strings that are one object are found faster in maps
 * and take memory once. Bounded: each word has one slot, which holds the last word that came to it.
 */
const SLOTS = 1024;
/** Ids are longer, and are not looked for here: they seldom come again soon. */
const MAX_WORD_BYTES = 24;
const ASCII_END = 0x80;

export class WordCache {
  readonly #words = new Array<string>(SLOTS).fill('');

  /** The text of `bytes` from `start` to `end`; null if it must not be kept: too long, or not ASCII. */
  wordOf(bytes: Uint8Array, start: number, end: number): string | null {
    if (end - start > MAX_WORD_BYTES) return null;
    let hash = end - start;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte >= ASCII_END) return null;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
    const known = this.#words[slot] as string;
    if (isTextOf(known, bytes, start, end)) return known;
    const word = String.fromCharCode(...bytes.subarray(start, end));
    this.#words[slot] = word;
    return word;
  }
}

function isTextOf(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== bytes[i]) return false;
  return true;
}
