/**
 * Builds images on this machine under the names that the project uses, for an engine that cannot pull images.
 * docs/docker.md says what they consist of, and what they cannot show.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findJavas } from '../../testkit/cluster/find-java.js';
import { cacheDir, kafkaJars, registryApp } from '../../testkit/cluster/maven-artifacts.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { KAFKA_VERSION, registryReleases } from '../../testkit/cluster/versions.js';
import { installPackages } from './debian-packages.js';
import { images } from './images.js';
import { say } from './say.js';

const RECIPES = join(import.meta.dirname, 'stand-ins');
const BASE = 'company-sync-stand-in';
/** The release of node:<version>-bookworm-slim. */
const DEBIAN = 'bookworm';
/** The one that comes with Node 24. */
const NPM = '11';
/** On two busy cores it takes a minute. */
const BOOTSTRAP_TIMEOUT_MS = 300_000;
/** The parts of a JDK that no program needs. Links to files of packages that are not installed are left out too. */
const JAVA_WITHOUT = ['jmods', 'include', 'man', 'legal', 'demo', 'src.zip', 'lib/src.zip'];

/** Builds all stand-ins. Unchanged parts come from the engine's cache, and Debian is built once. */
export async function makeStandIns(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'company-sync-stand-ins-'));
  try {
    if (!(await exists(`${BASE}/debian`))) await make('debian', folder, `${BASE}/debian`, debian);
    await make('node', folder, images.node, node);
    await make('java', folder, `${BASE}/java`, java);
    await make('kafka', folder, images.kafka, kafka);
    await make('registry', folder, images.registry, registry);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts the files that the recipe adds into `context`. Returns the build arguments. */
type Ingredients = (context: string) => Promise<readonly string[]>;

async function make(recipe: string, folder: string, image: string, ingredients: Ingredients): Promise<void> {
  say(`making a stand-in for ${image}`);
  const context = join(folder, recipe);
  await cp(join(RECIPES, recipe), context, { recursive: true });
  const buildArguments = (await ingredients(context)).flatMap((argument) => ['--build-arg', argument]);
  await runToEnd('docker', ['build', '--quiet', '--tag', image, ...buildArguments, context]);
  await rm(context, { recursive: true });
}

async function debian(context: string): Promise<readonly string[]> {
  await installPackages(['mmdebstrap']);
  const options = ['--quiet', '--variant=apt', '--include=ca-certificates', '--dpkgopt=force-unsafe-io'];
  const target = [DEBIAN, join(context, 'rootfs.tar')];
  await runToEnd('mmdebstrap', [...options, ...target], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  await cp('/etc/ssl/certs/ca-certificates.crt', join(context, 'ca-certificates.crt'));
  return [];
}

async function node(context: string): Promise<readonly string[]> {
  const version = /^node:([\d.]+)-bookworm-slim$/.exec(images.node)?.[1];
  if (version === undefined) throw new Error(`no stand-in is known for ${images.node}`);
  const binary = `node-linux-${process.arch}`;
  const modules = join(context, 'node_modules');
  const install = ['install', '--prefix', context, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  await runToEnd('npm', [...install, `${binary}@${version}`, `npm@${NPM}`]);
  await pack(join(context, 'node.tar'), join(modules, binary), [], ['bin/node']);
  await pack(join(context, 'npm.tar'), modules, ['--transform=s,^npm,lib/node_modules/npm,'], ['npm']);
  await rm(modules, { recursive: true });
  return [];
}

async function java(context: string): Promise<readonly string[]> {
  const home = join((await newestJava()).path, '..', '..');
  const without = JAVA_WITHOUT.map((path) => `--exclude=./${path}`);
  await pack(join(context, 'java.tar'), home, ['--dereference', '--ignore-failed-read', ...without]);
  return [];
}

async function kafka(context: string): Promise<readonly string[]> {
  await pack(join(context, 'libs.tar'), await kafkaJars(cacheDir(process.env), KAFKA_VERSION, say));
  return [];
}

async function registry(context: string): Promise<readonly string[]> {
  const { release } = await newestJava();
  const newest = registryReleases.find((candidate) => candidate.java <= release);
  if (newest === undefined) throw new Error(`no release of the registry runs on Java ${release}`);
  await pack(join(context, 'app.tar'), await registryApp(cacheDir(process.env), newest.version, say));
  return [`LAUNCH=${newest.launch.join(' ')}`];
}

async function newestJava(): Promise<{ readonly path: string; readonly release: number }> {
  const [newest] = await findJavas(process.env);
  if (newest === undefined) throw new Error('no Java of release 17 or later: apt-get install default-jre-headless');
  return newest;
}

/** The same files give the same archive, so the engine finds the following steps in its cache. */
const REPRODUCIBLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

async function pack(
  file: string,
  folder: string,
  options: readonly string[] = [],
  paths: readonly string[] = ['.'],
): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true });
  await runToEnd('tar', ['--create', '--file', file, '--directory', folder, ...REPRODUCIBLE, ...options, ...paths]);
}

/** Whether the engine has the image. */
async function exists(image: string): Promise<boolean> {
  return (await runToEnd('docker', ['image', 'ls', '--quiet', image])).trim() !== '';
}
