/** A printed command acts on the cluster of the command that printed it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/command/command-line.js';
import type { CommandContext } from '../../../src/command/command.js';
import { lastWord } from '../../../src/command/printed-command.js';
import { settingsAdder, settingsAdderInJson, typedSettingsOf } from '../../../src/command/typed-settings.js';
import { COMMAND_NAMES } from '../../../src/command/commands.js';
import { loadConfig } from '../../../src/config.js';
import { InputGrownError } from '../../../src/kafka/topics/input-growth.js';
import { shellQuoted } from '../../../src/lib/shell-command.js';
import { printable } from '../../../src/lib/printable.js';
import { createLogger } from '../../../src/ops/logger.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';

const folder = mkdtempSync(join(tmpdir(), 'printed command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(['plain', '', 'two words', "it's", '$HOME', '`id`', '*', '"', '\\', '-x', 'a=b;c', '#7', '~', 'ü'])(
  'a shell reads %j back as one word',
  (word) => {
    const { stdout } = spawnSync('sh', ['-c', `printf '%s|' ${shellQuoted(word)}`], { encoding: 'utf8' });
    expect(stdout).toBe(`${word}|`);
  },
);

test.each(['a\u200bcme', '\uFEFFacme', 'a\nb', '\u001b[2J', "it's\u202E\\", 'x\u{E0041}7', '\u00857'])(
  'bash reads %j back as one word, although the terminal shows no such character',
  (word) => {
    const shown = printable(shellQuoted(word));
    const { stdout } = spawnSync('bash', ['-c', `printf '%s|' ${shown}`], { encoding: 'utf8', env: { LC_ALL: 'C' } });
    expect(stdout).toBe(`${word}|`);
    expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  },
);

test.each(["company-sync run\u0007';touch pwned #", "company-sync verify'; touch pwned #", "x company-sync run '"])(
  'no setting is added inside the word %j, which could end its quotes',
  (word) => {
    const add = settingsAdder(" --kafka-brokers='a:9092, b:9092'");
    const shown = printable(add(`company-sync dead-letters release ${shellQuoted(word)}`));
    const script = `company-sync() { printf '%s|' "$@"; }; ${shown}`;
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env: { LC_ALL: 'C' }, cwd: folder });
    expect(stdout).toBe(`dead-letters|release|--kafka-brokers=a:9092, b:9092|${word}|`);
    expect(readdirSync(folder)).not.toContain('pwned');
  },
);

test.each(['acme', '-acme', '--yes', "it's", '- x'])(
  'a printed command reads the company %j back',
  async (companyId) => {
    const command = `company-sync dead-letters release --why 'the reason' ${lastWord(companyId)}`;
    const words = spawnSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n');
    const line = await parseCommandLine(words.slice(1));
    expect(line).toMatchObject({ name: 'dead-letters release', argument: companyId, flags: { why: 'the reason' } });
  },
);

test('typed settings are flags again, and secrets are left out', () => {
  const typed = {
    'kafka-brokers': 'a:9092,b:9092',
    'topic-sync-events': 'eu events',
    shadow: true as const,
    'kafka-sasl-password': 'hunter22',
    'kafka-sasl-password-file': '/run/secrets/kafka',
  };
  const printed = typedSettingsOf(typed);
  expect(printed.match(/ --[a-z-]+(=('[^']*'|\S+))?/g)?.sort()).toEqual([
    ' --kafka-brokers=a:9092,b:9092',
    ' --kafka-sasl-password-file=/run/secrets/kafka',
    ' --shadow',
    " --topic-sync-events='eu events'",
  ]);
  expect(printed).not.toContain('hunter22');
  expect(typedSettingsOf({})).toBe('');
});

/** What the command prints. It must not reach a broker. */
async function printedBy(...argv: readonly string[]): Promise<string> {
  const line = await parseCommandLine(argv);
  if (line.kind !== 'command') throw new Error(`${argv.join(' ')} is not a command`);
  const printed: string[] = [];
  const context = {
    config: loadConfig({}, line.settings, () => ''),
    schemasFolder: SCHEMAS_FOLDER,
    print: (text: string) => printed.push(settingsAdder(typedSettingsOf(line.settings))(text)),
  };
  await line.command.run(context as unknown as CommandContext, line.flags, line.argument);
  return printed.join('\n');
}

test.each([
  ['companies seed', 'acme\n', ['--by', 'the old one'], " --by='the old one'"],
  ['events send', '{"companyId":"acme","clientId":"a","payload":{"CompanyDeleted":{}}}\n', [], ''],
])('%s prints its command with the settings that were typed', async (name, content, flags, asPrinted) => {
  const file = join(folder, 'list of ids');
  writeFileSync(file, content);
  const settings = ['--kafka-brokers', 'staging:9092', '--topic-sync-events', 'eu-sync-events'];
  const printed = await printedBy(...name.split(' '), '--file', file, ...flags, ...settings, '--dry-run');
  const command = printed.slice(printed.indexOf('run company-sync') + 'run '.length);
  expect(command).toContain(` --file='${file}'${asPrinted}`);
  const words = spawnSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n');
  expect(words).toEqual(expect.arrayContaining(['--kafka-brokers=staging:9092', '--topic-sync-events=eu-sync-events']));
  expect(await parseCommandLine(words.slice(1))).toMatchObject({
    name,
    flags: { file },
    settings: { 'kafka-brokers': 'staging:9092', 'topic-sync-events': 'eu-sync-events' },
  });
});

describe('typed settings in messages', () => {
  const TYPED = " --kafka-brokers=staging:9092 --topic-sync-events='eu events'";

  test.each([
    ['run `company-sync topics create`', `run \`company-sync topics create${TYPED}\``],
    [
      'run company-sync explain -- -a or company-sync doctor',
      `run company-sync explain${TYPED} -- -a or company-sync doctor${TYPED}`,
    ],
    [`run company-sync events send${TYPED} --yes`, `run company-sync events send${TYPED} --yes`],
    ['company-sync doctor: no broker answers', 'company-sync doctor: no broker answers'],
    ['To see all flags, run: company-sync doctor --help', 'To see all flags, run: company-sync doctor --help'],
    ['what company-sync needs: my-company-sync doctors', 'what company-sync needs: my-company-sync doctors'],
  ])('%s', (message, shown) => {
    expect(settingsAdder(TYPED)(message)).toBe(shown);
    expect(settingsAdder(TYPED)(shown)).toBe(shown);
    expect(settingsAdder('')(message)).toBe(message);
  });

  test('they are in the log and stay JSON, and an id in a field stays as it is', () => {
    const lines: string[] = [];
    const hide = settingsAdderInJson(' --state-dir=\'a "b"\'');
    const logger = createLogger(
      { level: 'info', pid: 1, hide, now: () => 0 },
      { write: (line) => void lines.push(line) },
    );
    logger.info({ companyId: 'company-sync run', key: '"msg":"company-sync run' }, 'announced');
    logger.error({ err: new InputGrownError('sync-events', 2, 3) }, 'stopped; run `company-sync positions show`');
    const data = { companyId: 'company-sync run', key: '"msg":"company-sync run' };
    expect(JSON.parse(lines.shift() ?? '')).toMatchObject(data);
    const { msg, err } = JSON.parse(lines.join('')) as { msg: string; err: { message: string } };
    expect(msg).toBe('stopped; run `company-sync positions show --state-dir=\'a "b"\'`');
    expect(err.message).toContain('run `company-sync repartition --state-dir=\'a "b"\'`');
  });
});

describe('no source file prints a command without the settings', () => {
  const SOURCES = join(__dirname, '../../../src');
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, withJoinedTexts(readFileSync(join(SOURCES, file), 'utf8'))] as const);
  const usersOf = (word: string) => files.flatMap(([file, text]) => (text.includes(word) ? [file] : [])).sort();

  /** The source without comments, and with a text of several lines as one. */
  function withJoinedTexts(source: string): string {
    return source.replace(/^\s*(\/?\*|\/\/).*$/gm, '').replace(/['`"]\s*\+\s*['`"]/g, '');
  }

  test('what is written to the terminal or to the log passes the one place that adds them, unless it is data', () => {
    expect(usersOf('settingsAdder(')).toEqual(['command/typed-settings.ts', 'main.ts']);
    expect(usersOf('typedSettingsOf(')).toEqual(['command/typed-settings.ts', 'main.ts']);
    expect(usersOf('output.print')).toEqual(['main.ts']);
    expect(usersOf('printToStandardError')).toEqual([
      'command/positions.ts', // progress
      'command/print.ts',
      'command/read-partitions.ts', // progress
      'main.ts',
    ]);
    expect(usersOf('printData')).toEqual([
      'command/command.ts',
      'command/dead-letters.ts',
      'command/doctor.ts', // as JSON; it adds the settings itself
      'command/events-tail.ts',
      'command/explain.ts',
      'command/positions.ts', // as JSON; it adds the settings itself
      'command/verify.ts', // as JSON, which names no command
      'main.ts',
    ]);
  });

  test('every command in a message is one that gets them', () => {
    const firstWords = [...new Set(COMMAND_NAMES.map((name) => name.split(' ')[0]))].join('|');
    const mentioned = new RegExp(`company-sync (?:${firstWords})\\b(?! [a-z-]+ has| <)[^'"\`\\n]*`, 'g');
    const commands = files.flatMap(([file, text]) =>
      [...text.matchAll(mentioned)].map(([command]) => ({ file, command })),
    );
    expect(commands.length).toBeGreaterThan(30);
    expect(commands.filter(({ command }) => !settingsAdder(TYPED_ONE)(command).includes(TYPED_ONE))).toEqual([]);
  });

  test("commands of Kafka's tools are made in one place", () => {
    const lines = files.flatMap(([file, text]) =>
      [...text.matchAll(/kafka-[\w-]+\.sh -.*/g)].map(([line]) => ({ file, line })),
    );
    expect(lines).toEqual([]);
  });
});

const TYPED_ONE = ' --kafka-brokers=staging:9092';
