/** A wrong path is a wrong flag: it is refused before anything is asked, here with no registry and no broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../../src/command/command.js';
import { COMMANDS, type CommandName } from '../../../src/command/commands.js';
import { mustBeReadable } from '../../../src/command/input-file.js';
import { loadConfig, type Flags } from '../../../src/config.js';
import { hiderOf } from '../../../src/lib/hide-secrets.js';
import { createLogger } from '../../../src/ops/logger.js';

const folder = mkdtempSync(join(tmpdir(), 'input-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a file that is there, and standard input, may be read', async () => {
  await mustBeReadable('--file', __filename);
  await mustBeReadable('--file', '-');
});

test.each([
  [join(folder, 'none'), 'there is no such file'],
  [folder, 'expected a file, and this is a folder'],
  [join(__filename, 'x'), 'it cannot be read (ENOTDIR)'],
])('%s is refused', async (file, reason) => {
  await expect(mustBeReadable('--file', file)).rejects.toEqual(
    new UsageError([`--file is ${JSON.stringify(file)}: ${reason}`]),
  );
});

/** Runs a command with neither registry nor broker. */
async function run(name: CommandName, flags: Flags, argument: string): Promise<number> {
  const nowhere = { KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' };
  const context = {
    config: loadConfig(nowhere, {}, () => ''),
    logger: createLogger({ level: 'silent', pid: 0, hide: hiderOf([]), now: () => 0 }),
    schemasFolder: join(__dirname, '..', '..', '..', 'schemas'),
    addSettings: (message: string) => message,
    print: () => undefined,
    printData: () => undefined,
    printError: () => undefined,
    host: process,
    tracing: { kind: 'off' } as never,
  };
  const command = await COMMANDS[name]();
  return command.run(context, flags, argument);
}

test.each([
  ['events send', ''],
  ['companies seed', ''],
  ['dead-letters repair', '3/1042'],
] as const)('%s looks at its file before it asks anybody', async (name, argument) => {
  await expect(run(name, { file: join(folder, 'none') }, argument)).rejects.toThrow(UsageError);
});

test.each([
  [join(folder, 'none'), 'there is no such folder'],
  [folder, `it is not a STATE_DIR of an instance: ${join(folder, 'instance', 'LOCK')} does not exist`],
])('explain --offline refuses %s', async (offline, reason) => {
  await expect(run('explain', { offline }, 'acme')).rejects.toEqual(
    new UsageError([`--offline is ${JSON.stringify(offline)}: ${reason}`]),
  );
});
