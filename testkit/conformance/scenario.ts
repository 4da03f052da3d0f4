/** Runs the same scenario against two clusters, and compares the answers field by field. */
import type { NotedAnswer } from './answers.js';
import type { ClusterUnderTest } from './cluster-under-test.js';

const FAILURE = 'the scenario fails';

/** Notes the answers in the order in which it asks. */
export type Scenario = (cluster: ClusterUnderTest) => Promise<void>;

export interface Difference {
  readonly step: string;
  readonly real: string;
  readonly simulated: string;
}

/** If the scenario itself fails, the failure is its last answer. */
export async function answersOf(scenario: Scenario, cluster: ClusterUnderTest): Promise<readonly NotedAnswer[]> {
  await cluster
    .prepare()
    .then(() => scenario(cluster))
    .catch((error: unknown) => cluster.answers.note(FAILURE, String(error)))
    .finally(() => cluster.close());
  return cluster.answers.noted;
}

/** A failure is a difference even if both clusters have it: the scenario has not shown the rest. */
export function differences(real: readonly NotedAnswer[], simulated: readonly NotedAnswer[]): Difference[] {
  const none = { step: 'no such step', fields: '' };
  return Array.from({ length: Math.max(real.length, simulated.length) }, (_, index) => ({
    inReal: real[index] ?? none,
    inSimulation: simulated[index] ?? none,
  }))
    .map(({ inReal, inSimulation }, index) => ({
      step: `${index + 1}. ${inReal.step}`,
      real: inReal.fields,
      simulated:
        inReal.step === inSimulation.step ? inSimulation.fields : `${inSimulation.step} ${inSimulation.fields}`,
    }))
    .filter(({ step, real: fields, simulated: others }) => fields !== others || step.endsWith(FAILURE));
}
