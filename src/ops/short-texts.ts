/** Cuts the error texts in a listing, so that the listing of any number of partitions fits into one answer. */
import { cutText } from '../lib/cut-text.js';
import { MAX_WHY_CHARACTERS } from './api-schemas.js';

/** Characters of the reasons of one list, and as many of its causes. */
const CHARACTERS_OF_LIST = 1_024 * 1_024;

interface Explained {
  readonly reason?: string | null;
  readonly cause?: string | null;
}

/** With more than 500 items, each has less than MAX_WHY_CHARACTERS. */
export function withShortTexts<T extends Explained>(items: readonly T[]): T[] {
  const max = Math.min(MAX_WHY_CHARACTERS, Math.floor(CHARACTERS_OF_LIST / items.length));
  const cut = (text: string | null | undefined) => (typeof text === 'string' ? cutText(text, max) : text);
  return items.map((item) => {
    const { reason, cause } = item;
    if ((reason?.length ?? 0) <= max && (cause?.length ?? 0) <= max) return item;
    const texts = { ...('reason' in item && { reason: cut(reason) }), ...('cause' in item && { cause: cut(cause) }) };
    return { ...item, ...texts };
  });
}
