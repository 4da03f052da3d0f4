import { Kafka, logLevel } from 'kafkajs';
import type { Broker } from './cluster.js';
import { pollUntil } from './poll-until.js';

/** The path of Apicurio Registry's Confluent-compatible API. */
export const CONFLUENT_API_PATH = '/apis/ccompat/v7';

const REQUEST_TIMEOUT_MS = 3_000;

/** Brokers know each other within milliseconds after they begin to answer. */
const JOIN_TIMEOUT_MS = 30_000;

/** The values that the metadata of a broker must have before it counts as ready. */
export interface Membership {
  /** Node ids. */
  readonly brokers: readonly number[];
  /** Given if it is known. Another cluster may have taken the port, and its broker may have the same node id. */
  readonly clusterId?: string;
}

/** Whether the cluster that answers at `bootstrap` is the expected one. */
export async function brokersAnswer(bootstrap: string, expected: Membership): Promise<boolean> {
  const kafka = new Kafka({
    clientId: 'readiness',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers, clusterId } = await admin.describeCluster();
    const members = new Set(brokers.map(({ nodeId }) => nodeId));
    const sameCluster = expected.clusterId === undefined || expected.clusterId === clusterId;
    return sameCluster && expected.brokers.every((id) => members.has(id));
  } finally {
    await admin.disconnect();
  }
}

/** Resolves when each broker names all of them as members. */
export async function allBrokersKnown(brokers: readonly Broker[]): Promise<void> {
  const expected = { brokers: brokers.map(({ id }) => id) };
  for (const { name, address } of brokers) {
    const awaited = `${name} knows all brokers`;
    await pollUntil(() => brokersAnswer(address, expected), { awaited, timeoutMs: JOIN_TIMEOUT_MS });
  }
}

/** Whether the registry lists its subjects. */
export async function registryAnswers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  return response.ok && Array.isArray(await response.json());
}
