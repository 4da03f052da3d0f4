/** Text from others on a terminal: visible, on one line, and still the same JSON. */
import { printable } from '../../../src/lib/printable.js';

const HOSTILE = 'a\u001b[2J\u0007b\r\nc\u009b31md\u202ee\u2028f\u007fg\u200bh\ud800i\u{e0041}j';

test('nothing in it moves the cursor, rings, begins a line or changes the direction', () => {
  const shown = printable(HOSTILE);
  expect(shown).toBe(String.raw`a\u001b[2J\u0007b\r\nc\u009b31md\u202ee\u2028f\u007fg\u200bh\ud800i\udb40\udc41j`);
  expect(printable(shown)).toBe(shown);
});

test('letters, emoji and signs of any language stay as they are', () => {
  for (const text of ['Größe 株式会社 شركة 🏢 a\\nb "x"', '']) expect(printable(text)).toBe(text);
});

test('a line of JSON stays the same JSON', () => {
  const value = { [HOSTILE]: [HOSTILE, 1] };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});
