import { parseCommandLine } from '../../../src/command/command-line.js';

test.each(['toString', 'constructor', '__proto__'])('%s, which every object has, is no command', (word) => {
  const parsed = parseCommandLine([word]);
  expect(parsed.kind).toBe('faults');
});

test('what every object has is no flag of a command either', () => {
  expect(parseCommandLine(['run', '--toString=x'])).toMatchObject({ own: {}, settings: { toString: 'x' } });
});
