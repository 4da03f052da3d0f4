/** Every secret setting has a secret: no output of whole processes contains any of them, in any form. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(__dirname, '..', '..', 'src', 'main.ts');
const TOKEN = 'planted-token-0';
const PLANTED = {
  HTTP_TOKEN: `${TOKEN},planted-token-1`,
  KAFKA_SASL_PASSWORD: 'planted"password/2',
  SCHEMA_REGISTRY_PASSWORD: 'planted-password-3',
};
const FORMS = Object.values(PLANTED)
  .flatMap((secret) => secret.split(','))
  .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
  .concat(['user:planted-password-3', 'user:planted"password/2'].map((text) => Buffer.from(text).toString('base64')));

let registry: Server;
let stateDir: string;
let environment: Record<string, string>;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'secrets-'));
  // A registry that repeats what it was sent.
  registry = createServer((request, response) =>
    response.writeHead(500).end(JSON.stringify({ message: `\u001b[2Jrefused: ${request.headers.authorization}` })),
  );
  await once(registry.listen(0, '127.0.0.1'), 'listening');
  environment = {
    ...PLANTED,
    PATH: process.env['PATH'] ?? '',
    KAFKA_BROKERS: '127.0.0.1:1',
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${(registry.address() as AddressInfo).port}`,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'user',
    SCHEMA_REGISTRY_USERNAME: 'user',
    STATE_DIR: stateDir,
    HTTP_PORT: '0',
    LOG_LEVEL: 'trace',
  };
});
afterAll(() => {
  registry.close();
  rmSync(stateDir, { recursive: true, force: true });
});

function start(words: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...words], { env: { ...environment, ...env } });
  let output = '';
  let look: () => void = () => undefined;
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      look();
    });
  const exited = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    output: () => output,
    /** Once the output has matched. */
    said: (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve) => {
        look = () => {
          const match = pattern.exec(output);
          if (match !== null) resolve(match);
        };
        look();
      }),
    exitCode: async () => (await exited)[0],
  };
}

function expectNoSecret(output: string): void {
  expect(output).not.toBe('');
  for (const form of FORMS) expect(output).not.toContain(form);
  expect(output.replace(/\n/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
}

test('`run` while it waits for brokers: its log and all its answers', async () => {
  const { child, output, said, exitCode } = start(['run']);
  try {
    const [, address = ''] = await said(/"address":"(http:[^"]*)"/);
    await said(/waiting for/);
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (const path of ['/readyz', '/partitions', '/metrics', '/companies/x', '/openapi.json', '/nothing'])
      expectNoSecret((await (await fetch(address + path, { headers })).text()).replaceAll('\n', ' '));
    child.kill('SIGTERM');
    expect(await exitCode()).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
  expectNoSecret(output());
});

test.each([
  [['doctor'], 1, {}],
  [['schemas', 'check'], 1, {}],
  [['--help'], 0, {}],
  [['run', '--kafka-sasl-pasword', 'planted-token-0'], 2, {}],
  [['run', '--http-token', 'x', 'planted-token-0'], 2, {}],
  [['run'], 2, { HTTP_TOKEN: 'x y planted-token-0' }],
  [['run'], 2, { HTTP_TOKEN: '', HTTP_TOKEN_FILE: 'planted-token-0' }],
  [['run'], 2, { SCHEMA_REGISTRY_URL: 'http://user:planted-password-3@host' }],
  [['run'], 2, { KAFKA_BROKERS: 'user:planted-password-3@host:1' }],
])('%j exits with %d', async (words, code, env) => {
  const { output, exitCode } = start(words, env);
  expect(await exitCode()).toBe(code);
  expectNoSecret(output());
});
