import { PassThrough } from 'node:stream';
import { consentTyped } from '../../../src/command/consent.js';

const terminal = () => Object.assign(new PassThrough(), { isTTY: true });

test.each([
  ['yes\n', true],
  [' yes \n', true],
  ['y\n', false],
  ['\n', false],
  ['yes', false], // and Ctrl-D
])('%j at a terminal is consent: %p', async (typed, consents) => {
  const [input, output] = [terminal(), terminal()];
  const answer = consentTyped('Set the offsets?', input, output);
  input.end(typed);
  expect(await answer).toBe(consents);
  expect(String(output.read())).toContain('Set the offsets? Type yes:');
});

test('without a terminal nobody is asked, and nothing is consented to', async () => {
  const input = new PassThrough();
  input.end('yes\n');
  expect(await consentTyped('Set the offsets?', input, terminal())).toBe(false);
});
