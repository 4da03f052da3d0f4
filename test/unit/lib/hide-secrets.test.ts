/** The last protection of all outputs: if an error of another program repeats a secret, it is hidden in every form. */
import { hiderOf, withoutCredentials } from '../../../src/lib/hide-secrets.js';

const SECRET = 'p"4ss/w0rd+=';

test.each([SECRET, JSON.stringify(SECRET), encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64')])(
  'hidden: %s',
  (form) => {
    const shown = hiderOf([SECRET])(`refused ${form} and ${form}`);
    expect(shown).toMatch(/^refused "?\*\*\*"? and "?\*\*\*"?$/);
  },
);

test('each line of a key is a secret, its frame is not, and neither is a word so short that it is part of others', () => {
  const hide = hiderOf(['-----BEGIN KEY-----\nMIIEvgIBADAN\nBgkqhkiG9w0B\n-----END KEY-----', 'test']);
  expect(hide('-----BEGIN KEY----- BgkqhkiG9w0B latest')).toBe('-----BEGIN KEY----- *** latest');
});

test('if a secret is part of another, no part of either is left', () => {
  expect(hiderOf(['hunter22', 'user:hunter22'])('user:hunter22')).toBe('***');
});

test.each([
  ['http://user:p@ss@host:8081/x', '***@host:8081/x'],
  ['a:9092,user:pw@b:9092', '***@b:9092'],
  ['http://host/?key=pw', 'http://host/?***'],
  ['http://host/#pw', 'http://host/?***'],
  ['3 days', '3 days'],
])('a refused value is shown without credentials: %s', (value, shown) => {
  expect(withoutCredentials(value)).toBe(shown);
});
