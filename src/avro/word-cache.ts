/**
 * Returns one string object for short texts that occur again and again (status words, data types).
 *
 * Making a string from bytes costs more than finding an existing one. If equal strings are one object, maps find them
 * faster and they take memory once. The size is limited: each word has one slot, and a slot holds the last word stored
 * in it.
 */
const SLOTS = 1024;
/** Ids are longer and are not cached: they seldom repeat soon. */
const MAX_WORD_BYTES = 24;
const ASCII_END = 0x80;

export class WordCache {
  readonly #words = new Array<string>(SLOTS).fill('');

  /** The text of `bytes` from `start` to `end`; null if it is not cached: too long, or not ASCII. */
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
