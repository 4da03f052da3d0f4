import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { log4jConfig, serverProperties, type BrokerConfigInput } from './broker-config.js';
import type { Broker } from './cluster.js';
import { brokersAnswer } from './cluster-answers.js';
import { brokerJvmFlags, toolJvmFlags } from './jvm-flags.js';
import { JvmProcess } from './jvm-process.js';
import { runToEnd } from './run-to-end.js';

export interface JarBrokerInput extends BrokerConfigInput {
  readonly java: string;
  /** The folder of Kafka's jars. */
  readonly jars: string;
  readonly clusterId: string;
  /** The beginning of a command line that runs it in another place of this machine, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

export class JarBroker extends JvmProcess implements Broker {
  readonly id: number;
  readonly address: string;
  readonly #input: JarBrokerInput;

  constructor(input: JarBrokerInput) {
    const { id, java, jars, dir, profile, addresses, clusterId, within = [] } = input;
    const address = addresses[id - 1]?.client;
    if (address === undefined) throw new RangeError(`no addresses for broker ${id}`);
    const logging = `-Dlog4j2.configurationFile=${join(dir, 'log4j2.yaml')}`;
    const program = ['-cp', join(jars, '*'), 'kafka.Kafka', join(dir, 'server.properties')];
    const [file = java, ...args] = [...within, java, ...brokerJvmFlags(profile), logging, ...program];
    super({
      name: `broker ${id}`,
      file,
      args,
      cwd: dir,
      dir,
      logFiles: [join(dir, 'server.log')],
      answers: () => brokersAnswer(address, { brokers: [id], clusterId }),
    });
    this.id = id;
    this.address = address;
    this.#input = input;
  }

  /** The first start: writes the settings, formats the data folder with the cluster's id, and starts the broker. */
  async create(): Promise<void> {
    const { dir, java, jars, clusterId } = this.#input;
    const properties = join(dir, 'server.properties');
    await mkdir(dir, { recursive: true });
    await writeFile(properties, serverProperties(this.#input));
    await writeFile(join(dir, 'log4j2.yaml'), log4jConfig(dir));
    if (!existsSync(join(dir, 'data', 'meta.properties'))) {
      const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties];
      await runToEnd(java, [...toolJvmFlags, '-cp', join(jars, '*'), ...format]);
    }
    await this.start();
  }
}
