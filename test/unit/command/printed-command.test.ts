/** A printed command acts on the cluster of the command that printed it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/command/command-line.js';
import type { CommandContext } from '../../../src/command/command.js';
import { lastWord, typedSettingsOf } from '../../../src/command/printed-command.js';
import { loadConfig } from '../../../src/config.js';
import { shellQuoted } from '../../../src/lib/shell-command.js';
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
    typedSettings: typedSettingsOf(line.settings),
    print: (text: string) => printed.push(text),
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
  expect(command).toContain(`company-sync ${name} --file='${file}'${asPrinted} --`);
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
