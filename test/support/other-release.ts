/** Builds another commit of this repository in a folder of its own, so a test can run both releases in one group. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeWithParent } from '../../testkit/cluster/end-with-parent.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import type { Command } from '../../testkit/command.js';
import { newestSchema } from '../../testkit/schema-file.js';
import { PAYLOADS, type PayloadType } from './payloads.js';

/**
 * The release that instances are upgraded from, and rolled back to. Move it forward with each release, and add
 * what it writes to `test/unit/store/written-by-releases`. UPGRADE_FROM names another commit.
 */
export const PREVIOUS_RELEASE = process.env['UPGRADE_FROM'] ?? 'afa3153';

/**
 * The versions of rows that the previous release reads. Write a version only when the previous release can read it,
 * because a rollback is possible.
 */
export const ROW_VERSIONS_READ_BY_PREVIOUS_RELEASE: readonly number[] = [1];

const REPOSITORY = join(__dirname, '..', '..');
const INSTALL_TIMEOUT_MS = 300_000;
const BUILD_TIMEOUT_MS = 120_000;
/** The clone may belong to another user than the one that runs the tests. */
const GIT = ['-c', 'safe.directory=*', '-C', REPOSITORY];

export interface Release {
  /** The folder that the release was built in. */
  readonly dist: string;
  readonly command: Command;
}

/** The payloads that a release has no schema for: their records become dead letters. */
export function payloadsUnknownTo({ dist }: Pick<Release, 'dist'>): PayloadType[] {
  const schema = JSON.stringify(newestSchema(join(dist, '..', 'schemas'), 'sync-events-value'));
  return (Object.keys(PAYLOADS) as PayloadType[]).filter((name) => !schema.includes(JSON.stringify(name)));
}

/** Whether this clone has the commit: a shallow clone may not have it, and a copy without `.git` has no commits. */
export function hasCommit(commit: string): boolean {
  try {
    execFileSync('git', [...GIT, 'cat-file', '-e', `${commit}^{commit}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The releases that were built for one test file, each once. Call `removeAll` at the end of the file. */
export class Releases {
  readonly #built = new Map<string, Promise<Release>>();
  readonly #folders: string[] = [];

  /** Takes about 10 s, and a minute more if that commit has other dependencies than this tree. */
  build(commit: string): Promise<Release> {
    const known = this.#built.get(commit);
    if (known !== undefined) return known;
    const folder = mkdtempSync(join(tmpdir(), 'company-sync-release-'));
    removeWithParent(folder);
    this.#folders.push(folder);
    const release = build(commit, folder);
    this.#built.set(commit, release);
    return release;
  }

  removeAll(): void {
    this.#built.clear();
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function build(commit: string, folder: string): Promise<Release> {
  const archive = join(folder, 'release.tar');
  await runToEnd('git', [...GIT, 'archive', '--format=tar', `--output=${archive}`, commit]);
  await runToEnd('tar', ['-xf', archive], { cwd: folder });
  await addDependencies(folder);
  await runToEnd('npm', ['run', '--silent', 'build'], { cwd: folder, timeoutMs: BUILD_TIMEOUT_MS });
  const dist = join(folder, 'dist');
  return { dist, command: (...words) => [join(dist, 'main.js'), ...words] };
}

/**
 * Uses this tree's `node_modules` if the dependencies are the same, including patches: a patch also changes what a
 * release does.
 */
async function addDependencies(folder: string): Promise<void> {
  const installed = join(REPOSITORY, 'node_modules');
  if (existsSync(installed) && dependencies(folder) === dependencies(REPOSITORY))
    symlinkSync(installed, join(folder, 'node_modules'), 'dir');
  else await runToEnd('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS });
}

/** The input of `npm ci`, as one text: two trees with the same text have the same `node_modules`. */
function dependencies(folder: string): string {
  const patches = readdirSync(join(folder, 'patches')).sort();
  const files = ['package-lock.json', ...patches.map((name) => join('patches', name))];
  return JSON.stringify(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
