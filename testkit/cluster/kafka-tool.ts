import { join } from 'node:path';
import type { ToolHost } from './cluster.js';
import { findJavas } from './find-java.js';
import { toolJvmFlags } from './jvm-flags.js';
import { cacheDir, kafkaJars } from './maven-artifacts.js';
import { runToEnd } from './run-to-end.js';
import { KAFKA_VERSION } from './versions.js';
import { nothingToRunKafka } from './what-to-install.js';

/** See Cluster.kafkaTool. `bootstrap` is the address at which this machine reaches the cluster. */
export async function runKafkaTool(
  host: ToolHost,
  bootstrap: string,
  mainClass: string,
  args: readonly string[],
): Promise<string> {
  switch (host.kind) {
    case 'jars': {
      const [java] = await findJavas(process.env);
      if (java === undefined) throw nothingToRunKafka('no Java of release 17 or later');
      const jars = await kafkaJars(cacheDir(process.env), KAFKA_VERSION, (line) => process.stderr.write(`${line}\n`));
      const tool = [mainClass, '--bootstrap-server', bootstrap, ...args];
      return runToEnd(java.path, [...toolJvmFlags, '-cp', join(jars, '*'), ...tool]);
    }
    case 'container': {
      const tool = [mainClass, '--bootstrap-server', host.bootstrap, ...args];
      return runToEnd('docker', ['exec', host.id, '/opt/kafka/bin/kafka-run-class.sh', ...tool]);
    }
  }
}
