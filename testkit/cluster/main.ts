/**
 * Runs a Kafka and a schema registry for experiments, until Ctrl-C:
 *   npx tsx testkit/cluster/main.ts [--brokers N] [--write-env PATH]
 * `--write-env` gets the two addresses as KAFKA_BROKERS and SCHEMA_REGISTRY_URL, one NAME=value a line.
 * (It is not called `--env-file`, because Node 20 reads that flag itself at any position.)
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startCluster } from './start-cluster.js';

const { values } = parseArgs({
  options: { brokers: { type: 'string', default: '1' }, 'write-env': { type: 'string' } },
});
const asked = new Promise<void>((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});
const cluster = await startCluster({
  brokers: Number(values.brokers),
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
const addresses = `KAFKA_BROKERS=${cluster.bootstrap}\nSCHEMA_REGISTRY_URL=${cluster.registryUrl}\n`;
if (values['write-env'] !== undefined) await writeFile(values['write-env'], addresses);
process.stdout.write(addresses);
await asked;
await cluster.stop();
