import { Kafka, logLevel } from 'kafkajs';

const requestTimeoutMs = 3_000;

/** Whether each broker of `bootstrap` is among the cluster's members, as Kafka's own metadata says. */
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

/** Whether the registry lists its subjects. */
export async function registryAnswers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(requestTimeoutMs) });
  return response.ok && Array.isArray(await response.json());
}
