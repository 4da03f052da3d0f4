import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/command/command-line.js';
import { COMMAND_NAMES, exitCodesOf } from '../../../src/command/commands.js';

const operations = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');

test.each(['toString', 'constructor', '__proto__'])('%s, which every object has, is no command', (word) => {
  const parsed = parseCommandLine([word]);
  expect(parsed.kind).toBe('faults');
});

test('what every object has is no flag of a command either', () => {
  expect(parseCommandLine(['run', '--toString=x'])).toMatchObject({ own: {}, settings: { toString: 'x' } });
});

describe('explain', () => {
  test('takes one company, whatever its id, and switches without values', () => {
    const words = (...typed: string[]) => parseCommandLine(['explain', ...typed]);
    expect(words('a b', '--json', '--watch')).toEqual({
      ...{ kind: 'command', name: 'explain', words: ['a b'], settings: {} },
      own: { json: true, watch: true },
    });
    expect(words('--', '--json')).toMatchObject({ words: ['--json'], own: {} });
    expect(words('c', '--offline', './state', '--log-level=warn')).toMatchObject({
      ...{ own: { offline: './state' }, settings: { 'log-level': 'warn' } },
    });
  });

  test.each([
    [['explain'], 'explain needs <companyId>'],
    [['explain', ''], 'explain needs <companyId>'],
    [['explain', 'a', 'b'], '"b" after explain is one word too many'],
    [['run', 'now'], '"now" after run is one word too many'],
    [['explain', 'a', '--partitions=3'], null],
  ])('%j', (words, fault) => {
    const parsed = parseCommandLine(words);
    if (fault === null)
      expect(parsed).toMatchObject({ settings: { partitions: '3' } }); // which no setting is called
    else expect(parsed).toEqual({ kind: 'faults', faults: [expect.stringContaining(fault) as string] });
  });
});

test('a setting that may stand without a value takes no word for one', () => {
  expect(parseCommandLine(['explain', '--shadow', 'acme'])).toMatchObject({
    words: ['acme'],
    settings: { shadow: true },
  });
  expect(parseCommandLine(['run', '--shadow=false'])).toMatchObject({ settings: { shadow: 'false' } });
});

test('a word that may be the value of an unknown flag does not hide that flag', () => {
  expect(parseCommandLine(['run', '--no-such-flag', 'its value'])).toEqual({
    kind: 'faults',
    faults: ['--no-such-flag is no known flag', expect.stringContaining('"its value" after run') as string],
  });
});

test.each(COMMAND_NAMES)('the exit codes of %s are in its help and in the operations page', (name) => {
  const codes = exitCodesOf(name);
  const help = parseCommandLine([...name.split(' '), '--help']);
  const text = help.kind === 'help' ? help.text : '';
  for (const [code, meaning] of codes.entries()) expect(text).toContain(`${code} ${meaning}`);
  expect(operations).toContain(`| \`${name}\` | ${codes.join(' | ')} |`);
});
