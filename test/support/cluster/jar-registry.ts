import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Registry } from './cluster.js';
import { registryAnswers } from './cluster-answers.js';
import type { Java } from './find-java.js';
import { JvmProcess } from './jvm-process.js';
import { registryApp } from './maven-artifacts.js';

/** Apicurio Registry's releases by the oldest Java that runs them, newest first, and how each is launched. */
const releases = [
  { version: '3.3.3', java: 21, launch: ['-jar', 'quarkus-run.jar'] },
  { version: '3.0.9', java: 17, launch: ['-cp', '*:lib/*', 'io.quarkus.runner.GeneratedMain'] },
] as const;

export interface JarRegistryInput {
  /** Newest first. */
  readonly javas: readonly Java[];
  readonly cache: string;
  readonly ports: { readonly http: number; readonly management: number };
  readonly dir: string;
  readonly onProgress: (line: string) => void;
}

/** Apicurio Registry from its archive; its schemas lie in a file database, so that they survive a restart. */
export class JarRegistry extends JvmProcess implements Registry {
  readonly url: string;

  private constructor(input: JarRegistryInput, java: string, app: string, launch: readonly string[]) {
    const { ports, dir } = input;
    const url = `http://127.0.0.1:${ports.http}/apis/ccompat/v7`;
    const settings = {
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': ports.http,
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': ports.management,
      'quarkus.log.level': 'WARN',
      'apicurio.datasource.url': `jdbc:h2:file:${join(dir, 'schemas')}`,
      'apicurio.datasource.jdbc.initial-size': 2,
      'apicurio.datasource.jdbc.min-size': 2,
    };
    const properties = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
    super({
      name: 'registry',
      java,
      args: ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...properties, ...launch],
      cwd: app,
      dir,
      logFiles: [],
      answers: () => registryAnswers(url),
    });
    this.url = url;
  }

  static async prepare(input: JarRegistryInput): Promise<JarRegistry> {
    const newest = input.javas[0];
    const release = releases.find(({ java }) => newest !== undefined && newest.release >= java);
    if (newest === undefined || release === undefined) throw new Error('the registry needs Java 17 or later');
    const app = await registryApp(input.cache, release.version, input.onProgress);
    await mkdir(input.dir, { recursive: true });
    return new JarRegistry(input, newest.path, app, release.launch);
  }
}
