import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { log4jConfig, serverProperties, type BrokerConfigInput } from './broker-config.js';
import type { Broker } from './cluster.js';
import { brokersAnswer } from './cluster-answers.js';
import { brokerJvmFlags, toolJvmFlags } from './jvm-flags.js';
import { JvmProcess } from './jvm-process.js';
import { runToEnd } from './run-to-end.js';

export interface JarBrokerInput extends BrokerConfigInput {
  readonly java: string;
  /** Folder of Kafka's jars. */
  readonly jars: string;
  readonly clusterId: string;
}

/** A broker from jars, formatted and ready to be started. */
export class JarBroker extends JvmProcess implements Broker {
  readonly id: number;
  readonly address: string;

  private constructor(input: JarBrokerInput, properties: string, log4j: string) {
    const { id, java, jars, dir, profile } = input;
    const address = `127.0.0.1:${input.ports[id - 1]?.client}`;
    super({
      name: `broker ${id}`,
      java,
      args: [
        ...brokerJvmFlags(profile),
        `-Dlog4j2.configurationFile=${log4j}`,
        '-cp',
        join(jars, '*'),
        'kafka.Kafka',
        properties,
      ],
      cwd: dir,
      dir,
      logFiles: [join(dir, 'server.log')],
      answers: () => brokersAnswer(address, [id]),
    });
    this.id = id;
    this.address = address;
  }

  /** Writes its settings and formats its data folder (KIP-631: `format` gives it the cluster's id). */
  static async prepare(input: JarBrokerInput): Promise<JarBroker> {
    const { dir, java, jars, clusterId } = input;
    await mkdir(dir, { recursive: true });
    const properties = join(dir, 'server.properties');
    const log4j = join(dir, 'log4j2.yaml');
    await writeFile(properties, serverProperties(input));
    await writeFile(log4j, log4jConfig(dir));
    if (!(await exists(join(dir, 'data', 'meta.properties')))) {
      const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties];
      await runToEnd(java, [...toolJvmFlags, '-cp', join(jars, '*'), ...format], dir);
    }
    return new JarBroker(input, properties, log4j);
  }
}

/** A cluster id as Kafka makes them: 16 random bytes, base64url; not beginning with `-`, which a tool takes for a flag. */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
