/** Installs programs that this test needs from Debian's packages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { say } from './say.js';

/** Where Debian puts programs for root; the PATH may lack the last two. */
const FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];
const INSTALL_TIMEOUT_MS = 300_000;

/** The path of a program; undefined if it is not installed. */
export function programPath(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Whether `installPackages` can work: root, on Debian. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && programPath('apt-get') !== undefined;
}

/** Installs those packages whose program, of the same name or the one given, is missing. */
export async function installPackages(packages: readonly string[], program?: string): Promise<void> {
  const missing = packages.filter((name) => programPath(program ?? name) === undefined);
  if (missing.length === 0) return;
  if (!canInstallPackages()) throw new Error(`install these first: ${missing.join(' ')} (as root: apt-get install)`);
  say(`installing ${missing.join(' ')}`);
  await runToEnd('apt-get', ['update', '-qq'], { timeoutMs: INSTALL_TIMEOUT_MS });
  await runToEnd('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
}
