import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Registry } from './cluster.js';
import { CONFLUENT_API_PATH, registryAnswers } from './cluster-answers.js';
import { JvmProcess } from './jvm-process.js';

export interface JarRegistryInput {
  readonly java: string;
  /** The folder of the unpacked application, and how to launch that release from it. */
  readonly app: string;
  readonly launch: readonly string[];
  readonly ports: { readonly http: number; readonly management: number };
  readonly dir: string;
}

/** Apicurio Registry. Its schemas are in a database file, so they survive a restart. */
export class JarRegistry extends JvmProcess implements Registry {
  readonly url: string;
  readonly #dir: string;

  constructor({ java, app, launch, ports, dir }: JarRegistryInput) {
    const url = `http://127.0.0.1:${ports.http}${CONFLUENT_API_PATH}`;
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
      file: java,
      args: ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...properties, ...launch],
      cwd: app,
      dir,
      logFiles: [],
      answers: () => registryAnswers(url),
    });
    this.url = url;
    this.#dir = dir;
  }

  /** The first start. */
  async create(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await this.start();
  }
}
