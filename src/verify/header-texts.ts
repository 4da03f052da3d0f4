/** Headers as texts, to compare them. Kafka allows repetitions and null. */
import type { Header } from '../lib/record.js';

export function headerTexts(
  { headers }: { readonly headers: readonly Header[] },
  name: string,
): readonly (string | null)[] {
  return headers.filter(({ key }) => key === name).map(({ value }) => value?.toString() ?? null);
}

/** The last value of a header, as text; null if it is missing or null. */
export function lastText({ headers }: { readonly headers: readonly Header[] }, name: string): string | null {
  return headers.findLast(({ key }) => key === name)?.value?.toString() ?? null;
}

/** The values of each name, in their order. */
export function textsByName(headers: readonly Header[]): Record<string, readonly (string | null)[]> {
  const texts = new Map<string, (string | null)[]>();
  for (const { key, value } of headers) {
    const text = value?.toString() ?? null;
    const known = texts.get(key);
    if (known === undefined) texts.set(key, [text]);
    else known.push(text);
  }
  return Object.fromEntries(texts);
}
