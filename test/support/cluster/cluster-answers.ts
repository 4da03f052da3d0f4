import { Kafka, logLevel } from 'kafkajs';
import type { Broker } from './cluster.js';
import { pollUntil } from './poll-until.js';

/** Where Apicurio Registry has its Confluent-compatible API. */
export const confluentApiPath = '/apis/ccompat/v7';

const requestTimeoutMs = 3_000;

/** Brokers know each other within milliseconds of serving. */
const joinTimeoutMs = 30_000;

/** Whether each of the brokers `expected` is among the cluster's members, as the metadata at `bootstrap` says. */
export async function brokersAnswer(bootstrap: string, expected: readonly number[]): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'readiness',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    const members = new Set(brokers.map(({ nodeId }) => nodeId));
    return controller !== null && expected.every((id) => members.has(id));
  } finally {
    await admin.disconnect();
  }
}

/** Resolves when each broker names all of them as members. */
export async function allBrokersKnown(brokers: readonly Broker[]): Promise<void> {
  const ids = brokers.map(({ id }) => id);
  for (const { name, address } of brokers) {
    const what = `${name} knows all brokers`;
    await pollUntil(() => brokersAnswer(address, ids), { what, timeoutMs: joinTimeoutMs });
  }
}

/** Whether the registry lists its subjects. */
export async function registryAnswers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(requestTimeoutMs) });
  return response.ok && Array.isArray(await response.json());
}
