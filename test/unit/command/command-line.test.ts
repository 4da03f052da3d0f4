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
import { SETTINGS, type Setting } from '../../../src/settings.js';
import { COMMANDS, COMMAND_NAMES } from '../../../src/command/commands.js';

const operations = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');

test.each(['toString', 'constructor', '__proto__'])('%s, which every object has, is not a command', async (word) => {
  expect(await parseCommandLine([word])).toMatchObject({ kind: 'faults' });
});

test('a property that every object has is not a flag of a command', async () => {
  const faults = ['--toString is not a known flag'];
  expect(await parseCommandLine(['run', '--toString=x'])).toMatchObject({ flags: {}, settings: {}, faults });
});

describe('explain', () => {
  test('takes one company, whatever its id, and switches without values', async () => {
    const words = (...typed: string[]) => parseCommandLine(['explain', ...typed]);
    expect(await words('a b', '--json', '--watch')).toEqual({
      kind: 'command',
      name: 'explain',
      argument: 'a b',
      settings: {},
      faults: [],
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
    [['explain', 'a', '--partitions=3'], '--partitions is not a known flag'], // which is one of repartition
  ])('%j', async (words, fault) => {
    expect(await parseCommandLine(words)).toMatchObject({ faults: [expect.stringContaining(fault) as string] });
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

test.each([
  [['run', '--no-such-flag', 'its value'], '--no-such-flag is not a known flag'],
  [['explain', 'a', '--jsn'], '--jsn is not a known flag: did you mean --json?'],
  [['explain', '--jsn', 'a'], '--jsn is not a known flag: did you mean --json?'],
  [['run', '--KAFKA_BROKERS=a:1'], '--KAFKA_BROKERS is not a known flag: did you mean --kafka-brokers?'],
  [['positions', 'show', '--part=1'], '--part is not a known flag: did you mean --partition?'],
  [['positions', '--no-such-flag', 'show'], '--no-such-flag is not a known flag'],
  [['exlpain', '--no-such-flag', 'a'], '--no-such-flag is not a known flag'],
])('of an unknown flag there is one fault, not another one about words: %j', async (words, fault) => {
  expect(await parseCommandLine(words)).toMatchObject({ faults: [fault] });
});

describe('a word that is not a command', () => {
  test.each([
    [['positions'], 'positions', 'positions needs a second word: expected positions show or positions set'],
    [['companies'], 'companies', 'companies needs a second word: expected companies seed'],
    [
      ['positions', 'sho'],
      'positions',
      '"positions sho" is not a command: expected positions show or positions set; did you mean positions show?',
    ],
    [['topics', 'list'], 'topics', '"topics list" is not a command: expected topics create'],
    [['exlpain', 'acme'], '', '"exlpain acme" is not a command: did you mean explain?'],
    [['dead-letter', 'list'], '', '"dead-letter list" is not a command: did you mean dead-letters list?'],
    [['create', 'topics'], '', '"create topics" is not a command: did you mean topics create?'],
    [['positoins'], '', '"positoins" is not a command: did you mean positions?'],
    [['seed'], '', '"seed" is not a command: did you mean companies seed?'],
    [['show'], '', '"show" is not a command: did you mean dead-letters show or positions show?'],
    [['help', 'exlpain'], '', '"exlpain" is not a command: did you mean explain?'],
    [['dance'], '', `"dance" is not a command: expected one of ${COMMAND_NAMES.join(', ')}`],
  ])('%j', async (words, about, fault) => {
    expect(await parseCommandLine(words)).toEqual({ kind: 'faults', about, faults: [fault] });
  });

  test.each(['events', 'dead-letters', 'schemas'])('%s alone names the commands that begin with it', async (group) => {
    const names = COMMAND_NAMES.filter((name) => name.startsWith(`${group} `));
    const parsed = await parseCommandLine([group]);
    const [fault = ''] = parsed.kind === 'faults' ? parsed.faults : [];
    expect(fault.split(/: expected |, | or /).slice(1)).toEqual(names);
  });
});

describe('help and version', () => {
  const kindOf = async (words: readonly string[]) => (await parseCommandLine(words)).kind;

  test('are asked for in the usual ways', async () => {
    const overview = await parseCommandLine([]);
    for (const words of [['help'], ['-h'], ['--help']]) expect(await parseCommandLine(words)).toEqual(overview);
    const explain = await parseCommandLine(['explain', '--help']);
    for (const words of [
      ['help', 'explain'],
      ['explain', '-h'],
      ['-h', 'explain'],
      ['explain', 'acme', '--help'],
    ])
      expect(await parseCommandLine(words)).toEqual(explain);
    for (const words of [['-v'], ['--version'], ['run', '-v'], ['explain', '--version']])
      expect(await kindOf(words)).toBe('version');
  });

  test('of a first word lists its commands alone', async () => {
    const positions = await parseCommandLine(['positions', '--help']);
    expect(await parseCommandLine(['help', 'positions'])).toEqual(positions);
    const text = positions.kind === 'help' ? positions.text : '';
    expect(text.match(/^ {2}\w.*?(?= {2})/gm)).toEqual(['  positions show', '  positions set']);
  });

  test.each([['--help=x'], ['explain --help=x'], ['positions --help=yes'], ['--version=2'], ['run --version=2']])(
    '%s is refused, not ignored',
    async (typed) => {
      const parsed = await parseCommandLine(typed.split(' '));
      expect(parsed).toMatchObject({ kind: 'faults', faults: [expect.stringContaining('takes no value') as string] });
    },
  );
});

describe('the help of a command', () => {
  async function helpOf(name: string): Promise<string> {
    const parsed = await parseCommandLine(['help', ...name.split(' ')]);
    if (parsed.kind !== 'help') throw new Error(`${name} has no help`);
    return parsed.text;
  }

  test('begins with its usage and its own flags', async () => {
    const [, usage, flags] = (await helpOf('dead-letters release')).split('\n\n');
    expect(usage).toBe(
      'Usage: company-sync dead-letters release <companyId> --why <text> [--client-id <id>] [--<setting> <value> ...]',
    );
    expect(flags).toMatch(/^Flags:\n {2}--why <text>\n/);
  });

  test.each(COMMAND_NAMES)('of %s shows the settings that it reads, and no others', async (name) => {
    const reads: readonly string[] = (await COMMANDS[name]()).reads;
    const shown = (await helpOf(name)).match(/^ {2}--[a-z-]+, [A-Z_]+/gm)?.map((line) => line.split(', ')[1]);
    const read = Object.values<Setting>(SETTINGS).filter(({ parts }) => parts.some((part) => reads.includes(part)));
    expect(shown).toEqual(read.map(({ env }) => env));
  });

  test.each([
    ['dead-letters list', ['SCHEMA_REGISTRY_URL', 'HTTP_TOKEN', 'TOPIC_CLIENT_SETTINGS', 'TOPIC_COMPANY_SYNCHRONIZED']],
    ['dead-letters show', ['HTTP_TOKEN']],
    ['dead-letters release', ['TOPIC_DEAD_LETTER', 'MAX_BATCH_BYTES', 'TOPIC_CLIENT_SETTINGS']],
  ])('of %s has no settings that only other commands about dead letters read', async (name, ofOthers) => {
    const [shown, ofRepair] = [await helpOf(name), await helpOf('dead-letters repair')];
    expect(ofOthers.filter((env) => shown.includes(env))).toEqual([]);
    expect(ofOthers.filter((env) => !ofRepair.includes(env))).toEqual([]);
  });

  test('of schemas register has no settings of brokers, and that of run has all settings', async () => {
    expect(await helpOf('schemas register')).not.toContain('KAFKA_');
    for (const { env } of Object.values<Setting>(SETTINGS)) expect(await helpOf('run')).toContain(env);
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
      parsed.kind === 'command'
        ? [...parsed.faults, ...faultsOf(parsed.settings)]
        : parsed.kind === 'faults'
          ? parsed.faults
          : [];
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

test.each([
  ['dead-letters', 'repair', '--all', '--http-token', '--dry-run'],
  ['companies', 'seed', '--file', 'ids', '--event-namespace', '--dry-run'],
  ['run', '--event-namespace', '--shadow'],
])('a setting without its value does not swallow the next flag: %s %s %s %s', async (...typed) => {
  const [flag = ''] = typed.slice(-2);
  expect(await parseCommandLine(typed)).toMatchObject({
    kind: 'faults',
    faults: [`${flag} needs a value, but a flag follows it: if the value begins with two dashes, pass ${flag}=<value>`],
  });
});

test('the value of a setting may begin with two dashes after an equals sign', async () => {
  const line = await parseCommandLine(['run', '--http-token=--a-long-secret']);
  expect(line).toMatchObject({ kind: 'command', settings: { 'http-token': '--a-long-secret' } });
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
