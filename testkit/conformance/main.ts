/**
 * Compares the simulated Kafka with a real one: `npm run conformance [-- part of a scenario's name]`. If KAFKA_BROKERS
 * names a cluster of one broker, uses it; otherwise starts one.
 */
import { randomUUID } from 'node:crypto';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { compare, SCENARIOS } from './run.js';

const part = process.argv[2] ?? '';
const chosen = Object.entries(SCENARIOS).filter(([name]) => name.includes(part));
if (chosen.length === 0)
  throw new Error(`no scenario has '${part}' in its name:\n${Object.keys(SCENARIOS).join('\n')}`);

const given = process.env['KAFKA_BROKERS'];
const cluster = given === undefined ? await startOwnCluster({ registry: false }) : undefined;
const bootstrap = given ?? cluster!.bootstrap;
try {
  for (const [name, scenario] of chosen) {
    const { answers, differences } = await compare(scenario, bootstrap, randomUUID());
    process.stdout.write(`${name}: ${answers} answers, ${differences.length} differ\n`);
    for (const { step, real, simulated } of differences)
      process.stdout.write(`  ${step}\n    real      ${real}\n    simulated ${simulated}\n`);
    if (differences.length > 0) process.exitCode = 1;
  }
} finally {
  await cluster?.stop();
}
