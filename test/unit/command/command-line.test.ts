import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  countFlag,
  exitCodesOf,
  flagSwitch,
  readFlags,
  requiredTextFlag,
  textFlag,
  timeFlag,
  UsageError,
  wordFlag,
} from '../../../src/command/command.js';
import { parseCommandLine } from '../../../src/command/command-line.js';
import { loadConfig, type ConfigError, type Flags } from '../../../src/config.js';
import { settingFlags, settingSwitches } from '../../../src/setting-flags.js';
import { COMMANDS, COMMAND_NAMES } from '../../../src/command/commands.js';

const operations = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');

test.each(['toString', 'constructor', '__proto__'])('%s, which every object has, is not a command', async (word) => {
  expect(await parseCommandLine([word])).toMatchObject({ kind: 'faults' });
});

test('a property that every object has is not a flag of a command', async () => {
  expect(await parseCommandLine(['run', '--toString=x'])).toMatchObject({ flags: {}, settings: { toString: 'x' } });
});

describe('explain', () => {
  test('takes one company, whatever its id, and switches without values', async () => {
    const words = (...typed: string[]) => parseCommandLine(['explain', ...typed]);
    expect(await words('a b', '--json', '--watch')).toEqual({
      kind: 'command',
      name: 'explain',
      argument: 'a b',
      settings: {},
      command: await COMMANDS.explain(),
      flags: { json: true, watch: true },
    });
    expect(await words('--', '--json')).toMatchObject({ argument: '--json', flags: {} });
    expect(await words('c', '--offline', './state', '--log-level=warn')).toMatchObject({
      flags: { offline: './state' },
      settings: { 'log-level': 'warn' },
    });
  });

  test.each([
    [['explain'], 'explain needs <companyId>'],
    [['explain', ''], 'explain needs <companyId>'],
    [['explain', 'a', 'b'], 'unexpected word "b" after explain'],
    [['run', 'now'], 'unexpected word "now" after run'],
    [['explain', 'a', '--partitions=3'], null],
  ])('%j', async (words, fault) => {
    const parsed = await parseCommandLine(words);
    if (fault === null)
      expect(parsed).toMatchObject({ settings: { partitions: '3' } }); // not the name of a setting
    else expect(parsed).toEqual({ kind: 'faults', faults: [expect.stringContaining(fault) as string] });
  });
});

test('a switch with a value is refused by its command, and does not count as missing', async () => {
  const typed = await parseCommandLine(['companies', 'seed', '--file=ids', '--dry-run=true']);
  if (typed.kind !== 'command') throw new Error('it is not taken for a command');
  expect(() => readFlags(typed.command.flags, typed.flags)).toThrow('--dry-run takes no value');
});

test('a setting that may have no value does not take the next word as its value', async () => {
  expect(await parseCommandLine(['explain', '--shadow', 'acme'])).toMatchObject({
    argument: 'acme',
    settings: { shadow: true },
  });
  expect(await parseCommandLine(['run', '--shadow=false'])).toMatchObject({ settings: { shadow: 'false' } });
});

test('a word that may be the value of an unknown flag does not hide that flag', async () => {
  expect(await parseCommandLine(['run', '--no-such-flag', 'its value'])).toEqual({
    kind: 'faults',
    faults: ['--no-such-flag is not a known flag', 'unexpected word after run'],
  });
});

describe('a secret typed in a wrong place is not shown', () => {
  const SECRET = 'zwx1ysecret';
  test.each([
    [['run', '--kafka-sasl-pasword', SECRET]],
    [['--kafka-sasl-pasword', SECRET, 'run']],
    [['run', '--kafka-sasl-password', 'two', SECRET]],
    [['--kafka-sasl-password', 'two', SECRET, 'run']],
    [['run', `--kafka-sasl-pasword=${SECRET}`]],
    [['run', `-${SECRET}`]],
    [[`-p${SECRET}`]],
  ])('%j', async (typed) => {
    const parsed = await parseCommandLine(typed);
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

test.each(COMMAND_NAMES)('the exit codes of %s are in its help and in the operations page', async (name) => {
  const codes = exitCodesOf(await COMMANDS[name]());
  const help = await parseCommandLine([...name.split(' '), '--help']);
  const text = help.kind === 'help' ? help.text : '';
  for (const [code, meaning] of codes.entries()) expect(text).toContain(`${code} ${meaning}`);
  expect(operations).toContain(`| \`${name}\` | ${codes.join(' | ')} |`);
});

test.each([
  ['a setting', ['--log-level', 'warn', 'explain', 'acme']],
  ['a switch of the command', ['--json', 'explain', 'acme']],
  ['a flag of the command', ['--offline', './state', 'explain', 'acme']],
])('%s may stand before the command', async (_what, typed) => {
  expect(await parseCommandLine(typed)).toMatchObject({ kind: 'command', name: 'explain', argument: 'acme' });
});

test('no flag of a command has the name of a setting, and every command can be asked for help', async () => {
  const settings = new Set([...settingFlags(), ...settingSwitches()]);
  for (const name of COMMAND_NAMES) {
    const { flags } = await COMMANDS[name]();
    expect(Object.keys(flags).filter((flag) => settings.has(flag))).toEqual([]);
    expect(await parseCommandLine([...name.split(' '), '-h'])).toMatchObject({ kind: 'help' });
  }
  const overview = await parseCommandLine(['--help']);
  for (const name of COMMAND_NAMES)
    expect(overview).toMatchObject({ text: expect.stringContaining(`  ${name} `) as string });
});

describe('flags of a command', () => {
  const flags = {
    count: countFlag(9, ''),
    since: timeFlag(''),
    code: wordFlag('<code>', ['a', 'b'], ''),
    name: textFlag('<name>', 'a name', ''),
    file: requiredTextFlag('<file>', 'it needs --file <file>', ''),
    yes: flagSwitch(''),
  };

  test('are read as values', () => {
    const typed = { count: '9', since: '2026-01-31T12:00:00Z', code: 'b', name: 'x', file: '-', yes: true } as const;
    expect(readFlags(flags, typed)).toEqual({ ...typed, count: 9, since: Date.UTC(2026, 0, 31, 12) });
    const absent = { count: null, since: null, code: null, name: null, file: '-', yes: false };
    expect(readFlags(flags, { file: '-' })).toEqual(absent);
  });

  test('are refused with all their faults at once', () => {
    const typed = { count: '10', since: 'yesterday', code: 'c', name: true } as const;
    const faults = [
      '--count is "10": expected a whole number from 1 to 9',
      '--since is "yesterday": expected a time such as 2026-01-31T12:00:00Z',
      '--code is "c": expected one of a, b',
      '--name needs a value: expected a name',
      'it needs --file <file>',
    ];
    expect(() => readFlags(flags, typed)).toThrow(new UsageError(faults));
    for (const yes of ['true', 'no', ''])
      expect(() => readFlags(flags, { yes, file: '-' })).toThrow(
        '--yes takes no value: give --yes alone, or leave it out',
      );
    expect(() => readFlags(flags, { count: true, file: '--yes' })).toThrow(
      new UsageError(['--count needs a value: expected a whole number from 1 to 9', 'it needs --file <file>']),
    );
    for (const count of ['0', '1.5', 'x', ''] as const)
      expect(() => readFlags(flags, { count, file: '-' })).toThrow('--count is');
  });
});
