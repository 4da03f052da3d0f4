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

test('a million characters that are all escaped take no second, wherever they are', () => {
  for (const text of ['\u202e'.repeat(1_000_000), '\u{e0041}a'.repeat(300_000), `${'a'.repeat(1_000_000)}\u009b`]) {
    const before = process.cpuUsage();
    printable(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(500);
  }
});

test('each character is escaped as a regular expression would do it', () => {
  const pattern = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}]/gu;
  const escape = (units: string) => JSON.parse(`"${printable(units)}"`) as unknown;
  for (let point = 0; point <= 0x10ffff; point += 1) {
    const character = String.fromCodePoint(point);
    if (!pattern.test(character)) continue;
    pattern.lastIndex = 0;
    if (escape(`a${character}b`) !== `a${character}b` || !/^a[\x20-\x7e]+b$/.test(printable(`a${character}b`)))
      throw new Error(`U+${point.toString(16)} is not escaped`);
  }
});

test.each(['\u034f', '\u115f', '\u3164', '\u17b4', '\ufe0f', '\u{e0100}'])(
  '%j, which is shown as nothing, is escaped',
  (one) => {
    expect(printable(`acme-42${one}`)).toMatch(/^acme-42(\\u[0-9a-f]{4})+$/);
  },
);

test('a line of JSON stays the same JSON', () => {
  const value = { [HOSTILE]: [HOSTILE, 1] };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});
