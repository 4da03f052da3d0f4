/**
 * Compares the simulated Kafka with a real one: `npm run conformance [-- part of a scenario's name]`. If KAFKA_BROKERS
 * names a cluster of one broker, uses it for the scenarios of one broker; otherwise starts one.
 */
import { randomUUID } from 'node:crypto';
import { startOwnCluster } from '../cluster/start-cluster.js';
import { acceptedDifferences } from './accepted-differences.js';
import { compare, compareThree, SCENARIOS, SCENARIOS_OF_THREE, startThree, type Comparison } from './run.js';

const part = process.argv[2] ?? '';
const chosen = (scenarios: object): string[] => Object.keys(scenarios).filter((name) => name.includes(part));
const [ofOne, ofThree] = [chosen(SCENARIOS), chosen(SCENARIOS_OF_THREE)];
if (ofOne.length + ofThree.length === 0)
  throw new Error(
    `no scenario has '${part}' in its name:\n${Object.keys({ ...SCENARIOS, ...SCENARIOS_OF_THREE }).join('\n')}`,
  );

if (ofOne.length > 0) await compareWithOne();
if (ofThree.length > 0) await compareWithThree();
process.stdout.write(`\nAccepted:\n\n${acceptedDifferences()}\n`);

async function compareWithOne(): Promise<void> {
  const given = process.env['KAFKA_BROKERS'];
  const cluster = given === undefined ? await startOwnCluster({ registry: false }) : undefined;
  const bootstrap = given ?? cluster!.bootstrap;
  try {
    for (const name of ofOne) print(name, await compare(name, bootstrap, randomUUID()));
  } finally {
    await cluster?.stop();
  }
}

async function compareWithThree(): Promise<void> {
  const cluster = await startThree();
  try {
    for (const name of ofThree) print(name, await compareThree(name, cluster, randomUUID()));
  } finally {
    await cluster.stop();
  }
}

function print(name: string, { answers, accepted, refused }: Comparison): void {
  const known = accepted.length === 0 ? '' : `, ${accepted.length} differ as accepted`;
  process.stdout.write(`${name}: ${answers} answers, ${refused.length} differ${known}\n`);
  for (const { step, real, simulated } of refused)
    process.stdout.write(`  ${step}\n    real      ${real}\n    simulated ${simulated}\n`);
  if (refused.length > 0) process.exitCode = 1;
}
