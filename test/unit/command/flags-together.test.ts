/** Flags of `dead-letters repair` that would have no effect are refused before anything is read. */
import { UsageError } from '../../../src/command/command.js';
import { COMMANDS } from '../../../src/command/commands.js';
import { loadConfig } from '../../../src/config.js';
import { hiderOf } from '../../../src/lib/hide-secrets.js';
import { createLogger } from '../../../src/ops/logger.js';

test.each<[string, Readonly<Record<string, string | true>>, string]>([
  ['', {}, 'dead-letters repair needs <partition>/<offset>, or --all'],
  ['3/1', { all: true }, 'pass only one of 3/1 and --all'],
  ['', { all: true, file: __filename }, '--file needs <partition>/<offset>: pass only one of --file and --all'],
  [
    '',
    { all: true, 'client-id': 'c' },
    '--client-id needs <partition>/<offset>: pass only one of --client-id and --all',
  ],
  ['', { all: true, yes: true }, '--yes needs <partition>/<offset>: pass only one of --yes and --all'],
  ['3/1', { code: 'too-large' }, '--code needs --all: pass only one of --code and 3/1'],
  ['3/1', { since: '2026-01-31T12:00:00Z' }, '--since needs --all: pass only one of --since and 3/1'],
])('dead-letters repair %s %j is refused', async (argument, flags, fault) => {
  const nowhere = { KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' };
  const context = {
    config: loadConfig(nowhere, {}, () => ''),
    logger: createLogger({ level: 'silent', pid: 0, hide: hiderOf([]), now: () => 0 }),
    schemasFolder: '',
    printError: () => undefined,
    addSettings: (message: string) => message,
    print: () => undefined,
    printData: () => undefined,
    host: process,
    tracing: { kind: 'off' } as never,
  };
  const command = await COMMANDS['dead-letters repair']();
  const running = Promise.resolve().then(() => command.run(context, flags, argument));
  await expect(running).rejects.toThrow(new UsageError([fault]));
});
