import type { Cluster } from './cluster.js';
import { brokersAnswer, registryAnswers } from './cluster-answers.js';
import { runKafkaTool } from './kafka-tool.js';
import { pollUntil } from './poll-until.js';

/** A running cluster should answer at once. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A cluster that somebody else runs. This code only checks that it answers, and never stops it. */
export async function givenCluster(bootstrap: string, registryUrl: string): Promise<Cluster> {
  await pollUntil(() => brokersAnswer(bootstrap, { brokers: [] }), {
    awaited: `Kafka at ${bootstrap}`,
    timeoutMs: ANSWER_TIMEOUT_MS,
  });
  const url = registryUrl.replace(/\/+$/, '');
  await pollUntil(() => registryAnswers(url), { awaited: `the registry at ${url}`, timeoutMs: ANSWER_TIMEOUT_MS });
  const toolHost = { kind: 'jars' } as const;
  return {
    kind: 'given',
    bootstrap,
    registryUrl: url,
    brokers: [],
    registry: undefined,
    toolHost,
    kafkaTool: (mainClass, args) => runKafkaTool(toolHost, bootstrap, mainClass, args),
    stop: () => Promise.resolve(),
  };
}
