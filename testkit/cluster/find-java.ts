import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** Kafka's brokers need Java 17. */
export const OLDEST_JAVA = 17;

export interface Java {
  /** Path of the `java` executable. */
  readonly path: string;
  /** The feature release: 17, 21, 25. */
  readonly release: number;
}

/**
 * Every usable Java of this machine, newest first. It looks at JAVA_HOME, /usr/lib/jvm/*, macOS's folder and the PATH.
 */
export async function findJavas(env: NodeJS.ProcessEnv): Promise<Java[]> {
  const homes = [env['JAVA_HOME'], ...childrenOf('/usr/lib/jvm'), ...childrenOf('/Library/Java/JavaVirtualMachines')];
  const candidates = homes
    .filter((home): home is string => home !== undefined && home !== '')
    .flatMap((home) => [join(home, 'bin/java'), join(home, 'Contents/Home/bin/java')]);
  const onPath = (env['PATH'] ?? '').split(':').map((folder) => join(folder, 'java'));
  const paths = [...new Set([...candidates, ...onPath].filter((path) => existsSync(path)).map((p) => realpathSync(p)))];
  const javas = await Promise.all(paths.map(async (path) => ({ path, release: await releaseOf(path) })));
  return javas.filter(({ release }) => release >= OLDEST_JAVA).sort((a, b) => b.release - a.release);
}

function childrenOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** 0 for a program that does not run, or that is not Java. */
function releaseOf(path: string): Promise<number> {
  return new Promise((resolve) => {
    execFile(path, ['-version'], { timeout: 20_000 }, (error, _stdout, stderr) => {
      const version = /version "(\d+)/.exec(stderr)?.[1];
      resolve(error === null && version !== undefined ? Number(version) : 0);
    });
  });
}
