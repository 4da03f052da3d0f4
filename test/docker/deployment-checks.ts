/** Checks on running containers what deploy/Dockerfile and docker-compose.yml promise. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import type { Checks } from './checks.js';
import type { ComposeProject } from './compose.js';
import { ROOT } from './images.js';

const IMAGE = 'company-sync';
const PROCESSORS = 2;
const COMMAND_TIMEOUT_MS = 60_000;
/** It takes about 15 s on an idle machine. If many programs share two cores, the first successful check comes late. */
const HEALTHY_TIMEOUT_MS = 240_000;
const ANNOUNCED_TIMEOUT_MS = 60_000;
/** `run` ends within this time after SIGTERM. */
const STOP_SECONDS = 10;
/** Characters of a line of a container's log. */
const MAX_OF_A_LINE = 200;
const MEMORY_LIMIT_BYTES = 2 * 1024 ** 3;

export async function checkDeployment(project: ComposeProject, checks: Checks): Promise<void> {
  if (!(await checks.run('the image builds', () => project.build()))) return;
  await checks.run('the image has what it needs and nothing else', imageContents);
  if (!(await checks.run('compose brings everything up', () => project.up(PROCESSORS)))) return;
  const processors = await project.containersOf('processor');
  const [first = '', second = ''] = processors;
  await checks.run('all become healthy, and the set-up has ended well', async () => {
    equal(processors.length, PROCESSORS);
    const services = await Promise.all(['kafka', 'registry'].map((service) => project.containersOf(service)));
    for (const id of [...services.flat(), ...processors]) await healthy(id);
    const [setup = ''] = await project.containersOf('setup');
    equal(await inspect(setup, '{{.State.ExitCode}}'), '0');
  });
  await checks.run('doctor finds nothing wrong, inside a container', async () => {
    await docker('exec', first, 'company-sync', 'doctor');
  });
  await checks.run('a processor is not root, cannot write but to its state, and gains no privilege', () =>
    confined(first),
  );
  await checks.run('events sent from this machine lead to an announcement, and explain tells why of the other', () =>
    announced(project),
  );
  await checks.run('a processor that dies is started again on its state', () => restarts(first));
  await checks.run('a company is announced once, also after that', async () => {
    equal((await announcements(project)).length, 1);
  });
  await checks.run(`a stop takes less than ${STOP_SECONDS} s and ends with 0`, () => stops(second));
  await checks.run('down removes everything', async () => {
    await project.down();
    deepEqual(await project.remains(), []);
  });
}

async function imageContents(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  equal((await inImage('company-sync', '--version')).trim(), version);
  equal((await inImage('id', '-un')).trim(), 'node');
  const packages = (await inImage('ls', 'node_modules')).split('\n');
  ok(packages.includes('kafkajs'));
  ok(!packages.includes('typescript'), 'packages for development are in the image');
  equal((await inImage('sh', '-c', 'ls node_modules/rocksdb/prebuilds | wc -l')).trim(), '1');
  for (const file of patchedFiles()) {
    const here = createHash('sha256')
      .update(readFileSync(join(ROOT, file)))
      .digest('hex');
    match(await inImage('sha256sum', file), new RegExp(`^${here} `), `${file} is not patched in the image`);
  }
}

/** The files that patches/ changes, if this checkout has them. */
function patchedFiles(): string[] {
  const patches = readdirSync(join(ROOT, 'patches')).map((name) => readFileSync(join(ROOT, 'patches', name), 'utf8'));
  const files = patches.flatMap((patch) => [...patch.matchAll(/^\+\+\+ b\/(\S+)$/gm)].map(([, file = '']) => file));
  ok(files.length > 0, 'patches/ changes no file');
  return files;
}

async function confined(id: string): Promise<void> {
  equal((await docker('exec', id, 'id', '-u')).trim(), '1000');
  for (const folder of ['/app', '/tmp', '/etc', '/home/node'])
    match(await docker('exec', id, 'sh', '-c', `touch ${folder}/file 2>&1 || true`), /Read-only file system/);
  await docker('exec', id, 'sh', '-c', 'touch "$STATE_DIR/file" && rm "$STATE_DIR/file"');
  const status = await docker('exec', id, 'cat', '/proc/1/status');
  match(status, /^CapEff:\s+0+$/m);
  match(status, /^CapBnd:\s+0+$/m);
  match(status, /^NoNewPrivs:\s+1$/m);
  equal(await inspect(id, '{{.HostConfig.Memory}}'), String(MEMORY_LIMIT_BYTES));
}

async function announced(project: ComposeProject): Promise<void> {
  const file = join(ROOT, 'examples', 'events.jsonl');
  await companySync(project, 'events', 'send', '--file', file);
  await pollUntil(async () => (await announcements(project)).length > 0, {
    awaited: 'an announcement',
    timeoutMs: ANNOUNCED_TIMEOUT_MS,
  });
  match((await announcements(project)).join('\n'), /"companyId":"acme"/);
  // Either instance answers: the one that does not have the company redirects to the other, which is inside.
  const explained = await Promise.all(
    [1, 2].map(async (index) => {
      const address = await project.port('processor', index, 8080);
      return fetch(`http://${address}/companies/globex`, { redirect: 'manual' });
    }),
  );
  deepEqual(explained.map(({ status }) => status).sort(), [200, 307]);
  for (const answer of explained.filter(({ status }) => status === 200)) match(await answer.text(), /globex-orders/);
}

/** The announcements so far, one a line. */
async function announcements(project: ComposeProject): Promise<string[]> {
  const text = await companySync(project, 'events', 'tail', '--from-beginning', '--to-end', '--json');
  return text.split('\n').filter((line) => line !== '');
}

/** Kills the process from outside, because after `docker kill` the engine would not restart the container. */
async function restarts(id: string): Promise<void> {
  const [pid, startedAt] = [await inspect(id, '{{.State.Pid}}'), await inspect(id, '{{.State.StartedAt}}')];
  await runToEnd('kill', ['-9', pid]);
  await pollUntil(async () => (await inspect(id, '{{.State.StartedAt}}')) !== startedAt, {
    awaited: 'the processor starts again',
    timeoutMs: HEALTHY_TIMEOUT_MS,
  });
  await healthy(id);
  await pollUntil(() => answersReady(id), { awaited: 'all partitions run', timeoutMs: HEALTHY_TIMEOUT_MS });
}

async function answersReady(id: string): Promise<boolean> {
  const script = "fetch('http://127.0.0.1:8080/readyz').then(async (r) => console.log(r.status))";
  return (await docker('exec', id, 'node', '-e', script)).trim() === '200';
}

async function stops(id: string): Promise<void> {
  const begun = Date.now();
  await docker('stop', id);
  ok(Date.now() - begun < STOP_SECONDS * 1_000, `the stop took ${Date.now() - begun} ms`);
  equal(await inspect(id, '{{.State.ExitCode}}'), '0');
}

async function healthy(id: string): Promise<void> {
  try {
    await pollUntil(async () => (await inspect(id, '{{.State.Health.Status}}')) === 'healthy', {
      awaited: 'the container is healthy',
      timeoutMs: HEALTHY_TIMEOUT_MS,
    });
  } catch (cause) {
    const log = (await docker('logs', '--tail', '30', id)).split('\n').map((line) => line.slice(0, MAX_OF_A_LINE));
    throw new Error(`its log ends with\n${log.join('\n')}`, { cause });
  }
}

function companySync(project: ComposeProject, ...words: readonly string[]): Promise<string> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL } = project.addresses;
  const addresses = ['--kafka-brokers', KAFKA_BROKERS, '--schema-registry-url', SCHEMA_REGISTRY_URL];
  const command = [join(ROOT, 'dist', 'main.js'), ...words, ...addresses];
  return runToEnd(process.execPath, command, { cwd: ROOT, timeoutMs: COMMAND_TIMEOUT_MS });
}

async function inspect(id: string, format: string): Promise<string> {
  return (await docker('inspect', '--format', format, id)).trim();
}

function inImage(entrypoint: string, ...words: readonly string[]): Promise<string> {
  return docker('run', '--rm', '--entrypoint', entrypoint, IMAGE, ...words);
}

function docker(...words: readonly string[]): Promise<string> {
  return runToEnd('docker', words, { timeoutMs: COMMAND_TIMEOUT_MS });
}
