/** A Docker engine: the one that answers, or one of this test's own, with a socket, images and networks of its own. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir } from '../../testkit/cluster/maven-artifacts.js';
import { dockerAnswers } from '../../testkit/cluster/docker-engine.js';
import { spawnWithParent } from '../../testkit/cluster/end-with-parent.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { canInstallPackages, installPackages, programPath } from './debian-packages.js';
import { say } from './say.js';

export interface Engine {
  /** Whether this test has started the engine, so it may add any images to it. */
  readonly isOfTest: boolean;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
/** The time until SIGKILL: the engine first ends its containers, each within 10 s. */
const STOP_TIMEOUT_MS = 30_000;
const LOG_TAIL_LINES = 15;

/** The engine that `docker` reaches from now on; if there is no engine, the reason. */
export async function findOrStartEngine(): Promise<Engine | { readonly missing: string }> {
  if (await dockerAnswers()) return { isOfTest: false, stop: () => Promise.resolve() };
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return { missing: 'no Docker engine answers, and only root on Linux can start one' };
  if (programPath('dockerd') === undefined || programPath('docker') === undefined) {
    if (!canInstallPackages()) return { missing: 'no Docker engine answers, and dockerd is not installed' };
    await installPackages(['docker.io', 'iptables'], 'dockerd');
    if (await dockerAnswers()) return { isOfTest: false, stop: () => Promise.resolve() };
  }
  return startEngine(programPath('dockerd') ?? 'dockerd');
}

async function startEngine(dockerd: string): Promise<Engine | { readonly missing: string }> {
  // This folder is kept, so the next run finds the images. A socket's path may have at most 107 bytes.
  const folder = join(cacheDir(process.env), 'docker-engine');
  const log = join(folder, 'dockerd.log');
  await mkdir(folder, { recursive: true });
  const address = `unix://${join(folder, 'docker.sock')}`;
  say(`starting dockerd in ${folder}`);
  const output = openSync(log, 'w');
  const args = [
    ...['--host', address, '--pidfile', join(folder, 'dockerd.pid')],
    ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run')],
  ];
  const child = spawnWithParent(dockerd, args, { stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const died = exited.then((): never => {
    throw new Error(`dockerd ended while starting (exit code ${child.exitCode})`);
  });
  died.catch(() => undefined); // It ends some day, long after the race below.
  process.env['DOCKER_HOST'] = address;
  try {
    await pollUntil(dockerAnswers, { awaited: 'dockerd answers', timeoutMs: START_TIMEOUT_MS, abort: died });
  } catch (error) {
    delete process.env['DOCKER_HOST'];
    await end(child, exited);
    const tail = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
    return { missing: `no Docker engine answers, and none can be started: ${(error as Error).message}\n${tail}` };
  }
  return { isOfTest: true, stop: () => stopEngine(child, exited) };
}

/** Ends the containers first: none may outlive the engine. */
async function stopEngine(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const left = (await runToEnd('docker', ['ps', '--all', '--quiet'])).split('\n').filter((id) => id !== '');
  if (left.length > 0) await runToEnd('docker', ['rm', '--force', '--volumes', ...left]);
  await end(child, exited);
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
