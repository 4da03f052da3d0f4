/** What only the whole process shows: that `run` and `doctor` use what is tested by itself elsewhere. No broker is there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KILL_AFTER_MS } from '../../../src/command/stop-watchdog.js';

const MAIN = join(__dirname, '..', '..', '..', 'src', 'main.ts');
/** Computes without a pause from SIGUSR2 on. */
const BLOCK = 'process.on("SIGUSR2", () => { process._rawDebug("blocked"); for (;;); })';
const OPEN_PORT = 'HTTP_HOST is 0.0.0.0 and HTTP_TOKEN is not set';

let stateDir: string;
beforeEach(() => (stateDir = mkdtempSync(join(tmpdir(), 'processes-'))));
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function start(command: string) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--import', `data:text/javascript,${BLOCK}`, MAIN, command],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        ...{ KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' },
        ...{ STATE_DIR: stateDir, HTTP_HOST: '0.0.0.0', HTTP_PORT: '0' },
      },
    },
  );
  return { child, said: (text: string) => saidBy(child, text) };
}

/** Resolves once the process has printed the text. */
function saidBy({ stdout, stderr }: ChildProcess, text: string): Promise<void> {
  let output = '';
  return new Promise((resolve) => {
    for (const stream of [stdout, stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(text)) resolve();
      });
  });
}

test('run warns of what its settings leave open, and ends at SIGTERM although its event loop is blocked', async () => {
  const { child, said } = start('run');
  try {
    await Promise.all([said(OPEN_PORT), said('waiting for')]);
    const blocked = said('blocked');
    child.kill('SIGUSR2');
    await blocked;
    const begun = performance.now();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    expect(performance.now() - begun).toBeLessThan(KILL_AFTER_MS + 2_000);
  } finally {
    child.kill('SIGKILL');
  }
});

test('doctor warns of what the settings leave open', async () => {
  const { child, said } = start('doctor');
  try {
    await said(OPEN_PORT);
  } finally {
    child.kill('SIGKILL');
  }
});
