import fc from 'fast-check';
import { WordCache } from '../../../src/avro/word-cache.js';

const wordOf = (cache: WordCache, text: string): string | null => {
  const framed = Buffer.from(`..${text}..`);
  return cache.wordOf(framed, 2, framed.length - 2);
};

test('a word has its own text, whatever words came before it', () => {
  const cache = new WordCache();
  const word = fc.string({ unit: 'grapheme-ascii', maxLength: 24 });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 50 }), (words) => words.every((text) => wordOf(cache, text) === text)),
    { numRuns: 200 },
  );
});

test('words that share a slot are distinguished', () => {
  const cache = new WordCache();
  const words = Array.from({ length: 5_000 }, (_, i) => `word ${i}`);
  for (const text of [...words, ...words]) expect(wordOf(cache, text)).toBe(text);
});

test.each(['Fertigstellung…', 'é', 'x'.repeat(25)])('%p is left to the decoder of UTF-8', (text) => {
  expect(wordOf(new WordCache(), text)).toBeNull();
});
