/**
 * Compares the simulated Kafka with a real one: `npm run conformance [-- part of a scenario's name]`. If KAFKA_BROKERS
 * names a cluster of one broker, uses it for the scenarios of one broker; otherwise starts one.
 */
import { randomUUID } from 'node:crypto';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { compare, compareThree, SCENARIOS, SCENARIOS_OF_THREE, type Comparison } from './run.js';
import type { Scenario } from './scenario.js';

const part = process.argv[2] ?? '';
const chosen = (scenarios: Readonly<Record<string, Scenario>>) =>
  Object.entries(scenarios).filter(([name]) => name.includes(part));
const [ofOne, ofThree] = [chosen(SCENARIOS), chosen(SCENARIOS_OF_THREE)];
if (ofOne.length + ofThree.length === 0)
  throw new Error(
    `no scenario has '${part}' in its name:\n${Object.keys({ ...SCENARIOS, ...SCENARIOS_OF_THREE }).join('\n')}`,
  );

if (ofOne.length > 0) await compareWithOne();
if (ofThree.length > 0) await compareWithThree();

async function compareWithOne(): Promise<void> {
  const given = process.env['KAFKA_BROKERS'];
  const cluster = given === undefined ? await startOwnCluster({ registry: false }) : undefined;
  const bootstrap = given ?? cluster!.bootstrap;
  try {
    for (const [name, scenario] of ofOne) print(name, await compare(scenario, bootstrap, randomUUID()));
  } finally {
    await cluster?.stop();
  }
}

async function compareWithThree(): Promise<void> {
  const cluster = await startOwnCluster({ brokers: 3, registry: false });
  try {
    for (const [name, scenario] of ofThree) print(name, await compareThree(scenario, cluster, randomUUID()));
  } finally {
    await cluster.stop();
  }
}

function print(name: string, { answers, differences }: Comparison): void {
  process.stdout.write(`${name}: ${answers} answers, ${differences.length} differ\n`);
  for (const { step, real, simulated } of differences)
    process.stdout.write(`  ${step}\n    real      ${real}\n    simulated ${simulated}\n`);
  if (differences.length > 0) process.exitCode = 1;
}
