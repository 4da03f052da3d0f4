import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { runToEnd } from './run-to-end.js';
import { nothingToRunKafka } from './what-to-install.js';

/** The plugin's version is fixed, so the command has the same meaning with every Maven. */
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/**
 * Kafka writes its log through slf4j 1.7, which finds log4j 2 only through this bridge. The versions are those that
 * Kafka uses.
 */
const LOG4J_VERSION = '2.25.4';

/** Kafka 3 brings this bridge too. Slf4j uses the bridge that it finds first, and the brokers are configured for log4j 2. */
const LOG4J_1_BRIDGE = 'slf4j-reload4j';

/** The folder for resolved files: COMPANY_SYNC_CACHE_DIR, or company-sync in the user's cache folder. */
export function cacheDir(env: NodeJS.ProcessEnv): string {
  return env['COMPANY_SYNC_CACHE_DIR'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'company-sync');
}

/** Resolves, once, the jars of this release's broker and command-line tools. Returns their folder. */
export function kafkaJars(cache: string, version: string, onProgress: (line: string) => void): Promise<string> {
  return once(join(cache, `kafka-${version}`), async (dir) => {
    onProgress(`resolving Apache Kafka ${version} through Maven (about 55 MB, once)`);
    const kafka = ['kafka_2.13', 'kafka-tools', 'kafka-storage'].map((artifact) =>
      dependency('org.apache.kafka', artifact, version),
    );
    await writeFile(
      join(dir, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>companysync</groupId><artifactId>test-cluster</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
${[...kafka, dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION)].join('\n')}
  </dependencies>
</project>
`,
    );
    const copied = [`-DoutputDirectory=${dir}`, '-DincludeScope=runtime', `-DexcludeArtifactIds=${LOG4J_1_BRIDGE}`];
    await maven(dir, [`${DEPENDENCY_PLUGIN}:copy-dependencies`, ...copied]);
  });
}

/** Resolves and unpacks, once, Apicurio Registry's application. Returns its folder. */
export function registryApp(cache: string, version: string, onProgress: (line: string) => void): Promise<string> {
  return once(join(cache, `apicurio-registry-${version}`), async (dir) => {
    onProgress(`resolving Apicurio Registry ${version} through Maven (about 160 MB, once)`);
    const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`;
    await maven(dir, [`${DEPENDENCY_PLUGIN}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${dir}`]);
    const archive = (await readdir(dir)).find((name) => name.endsWith('.tar.gz'));
    if (archive === undefined) throw new Error(`Maven left no archive of ${artifact} in ${dir}`);
    await runToEnd('tar', ['-xzf', archive], { cwd: dir });
    await rm(join(dir, archive));
  });
}

function dependency(groupId: string, artifactId: string, version: string): string {
  return `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`;
}

/**
 * Fills a folder next to `target` and renames it. So `target` is always complete. If two processes race, the rename of
 * the second one fails, and it uses the folder of the first one.
 */
async function once(target: string, fill: (dir: string) => Promise<void>): Promise<string> {
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}.draft-`);
  try {
    await fill(draft);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

async function maven(dir: string, args: readonly string[]): Promise<void> {
  try {
    await runToEnd('mvn', ['--batch-mode', '--quiet', ...args], { cwd: dir });
  } catch (error) {
    const reason = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
    throw reason?.code === 'ENOENT' ? nothingToRunKafka('no Maven', error) : error;
  }
}
