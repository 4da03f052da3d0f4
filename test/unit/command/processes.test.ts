/** Checks on whole processes that `run` and `doctor` use the parts that other tests check alone. There is no broker. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KILL_AFTER_MS } from '../../../src/command/stop-watchdog.js';
import { everyVersion, VersionedBrokers } from '../../support/versioned-broker.js';

const MAIN = join(__dirname, '..', '..', '..', 'src', 'main.ts');
/** Computes without a pause from SIGUSR2 on. */
const BLOCK = 'process.on("SIGUSR2", () => { process._rawDebug("blocked"); for (;;); })';
const OPEN_PORT = 'HTTP_HOST is 0.0.0.0 and HTTP_TOKEN is not set';

let stateDir: string;
beforeEach(() => (stateDir = mkdtempSync(join(tmpdir(), 'processes-'))));
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function start(
  words: readonly string[],
  registry = 'http://127.0.0.1:1',
  brokers = '127.0.0.1:1',
  settings: Readonly<Record<string, string>> = {},
) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--import', `data:text/javascript,${BLOCK}`, MAIN, ...words],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        KAFKA_BROKERS: brokers,
        SCHEMA_REGISTRY_URL: registry,
        STATE_DIR: stateDir,
        HTTP_HOST: '0.0.0.0',
        HTTP_PORT: '0',
        ...settings,
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

test('run warns about insecure settings, and ends at SIGTERM although its event loop is blocked', async () => {
  const { child, said } = start(['run']);
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

test('doctor warns about insecure settings', async () => {
  const { child, said } = start(['doctor']);
  try {
    await said(OPEN_PORT);
  } finally {
    child.kill('SIGKILL');
  }
});

describe('a broker that does not support a request is named, with what it has and the release that is needed,', () => {
  const brokers = new VersionedBrokers();
  afterEach(() => brokers.close());

  async function startOnOldBroker(command: string) {
    const first = await brokers.start(everyVersion());
    const old = await brokers.start(everyVersion({ 9: { minVersion: 0, maxVersion: 5 } }));
    const fault = `broker ${old} does not support OffsetFetch in version 7: it has versions 0 to 5; use Kafka 2.5 or later`;
    const { child, said } = start([command], undefined, first);
    return { child, named: said(fault) };
  }

  test('by run, which ends', async () => {
    const { child, named } = await startOnOldBroker('run');
    try {
      const [code] = (await once(child, 'exit')) as [number];
      await named;
      expect(code).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('by doctor', async () => {
    const { child, named } = await startOnOldBroker('doctor');
    try {
      await named;
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('more companies than a person can check are not silenced without a confirmation; no registry is asked', () => {
  const companyIds = Array.from({ length: 101 }, (_, i) => `company-${i}`);
  const written = (lines: readonly string[]): string => {
    const file = join(stateDir, 'lines.txt');
    writeFileSync(file, lines.join('\n'));
    return file;
  };

  async function expectRefusal(words: readonly string[]): Promise<void> {
    const { child } = start(words);
    try {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number];
      expect(output).toContain('nothing was sent: the records would silence 101 companies permanently');
      expect(code).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  }

  test('by companies seed', () => expectRefusal(['companies', 'seed', '--file', written(companyIds)]));

  test('by events send', () => {
    const events = companyIds.map((companyId) =>
      JSON.stringify({ companyId, clientId: 'client', payload: { CompanyDeleted: {} } }),
    );
    return expectRefusal(['events', 'send', '--file', written(events)]);
  });
});

describe('a command whose output is closed, as by head, ends without a stack trace', () => {
  async function endOf(
    words: readonly string[],
    input = '',
  ): Promise<{ code: number; errors: string; left: string[] }> {
    const { child } = start(words, undefined, undefined, { TMPDIR: stateDir });
    try {
      child.stdout.destroy();
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      child.stdin.end(input);
      const [code] = (await once(child, 'close')) as [number];
      // tsx keeps a cache there.
      return { code, errors, left: readdirSync(stateDir).filter((name) => name.startsWith('company-')) };
    } finally {
      child.kill('SIGKILL');
    }
  }

  test.each([['--help'], ['--version'], ['dead-letters', 'repair', '--help']])('%s %s %s', async (...words) => {
    expect(await endOf(words)).toMatchObject({ code: 141, errors: '' });
  });

  test('and leaves nothing in TMPDIR', async () => {
    const seed = ['companies', 'seed', '--file', '-', '--dry-run'];
    expect(await endOf(seed, 'acme\n')).toEqual({ code: 141, errors: '', left: [] });
  });
});
