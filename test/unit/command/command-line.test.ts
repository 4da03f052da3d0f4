import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/command/command-line.js';
import { loadConfig, type ConfigError, type Flags } from '../../../src/config.js';
import { COMMAND_NAMES, exitCodesOf } from '../../../src/command/commands.js';

const operations = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');

test.each(['toString', 'constructor', '__proto__'])('%s, which every object has, is not a command', (word) => {
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
    faults: ['--no-such-flag is not a known flag', 'a word after run is one word too many'],
  });
});

describe('a secret that was typed in a wrong place is not shown', () => {
  const SECRET = 'zwx1ysecret';
  test.each([
    [['run', '--kafka-sasl-pasword', SECRET]],
    [['--kafka-sasl-pasword', SECRET, 'run']],
    [['run', '--kafka-sasl-password', 'two', SECRET]],
    [['--kafka-sasl-password', 'two', SECRET, 'run']],
    [['run', `--kafka-sasl-pasword=${SECRET}`]],
    [['run', `-${SECRET}`]],
    [[`-p${SECRET}`]],
  ])('%j', (typed) => {
    const parsed = parseCommandLine(typed);
    const faults =
      parsed.kind === 'command' ? faultsOf(parsed.settings) : parsed.kind === 'faults' ? parsed.faults : [];
    expect(faults.length).toBeGreaterThan(0);
    // Neither the word nor its letters, one after the other.
    expect(faults.join('').replace(/--| is not a known flag/g, '')).not.toContain(SECRET);
    for (const fault of faults) expect(fault).not.toMatch(/^--\w is not a known flag/);
  });

  function faultsOf(settings: Flags): readonly string[] {
    try {
      loadConfig({}, settings, () => '');
      return [];
    } catch (error) {
      return (error as ConfigError).faults;
    }
  }
});

test.each(COMMAND_NAMES)('the exit codes of %s are in its help and in the operations page', (name) => {
  const codes = exitCodesOf(name);
  const help = parseCommandLine([...name.split(' '), '--help']);
  const text = help.kind === 'help' ? help.text : '';
  for (const [code, meaning] of codes.entries()) expect(text).toContain(`${code} ${meaning}`);
  expect(operations).toContain(`| \`${name}\` | ${codes.join(' | ')} |`);
});
