/** A quota on the client id of the instances: on the bytes that they write, and on the time that their requests take. */
import type { Cluster } from '../cluster/cluster.js';
import { pollUntil } from '../cluster/poll-until.js';

const CONFIGS_TOOL = 'kafka.admin.ConfigCommand';
/** Bytes a second to each broker: less than the instances write. */
const PRODUCER_BYTE_RATE = 2_000;
/** Of one thread of a broker. */
const REQUEST_PERCENTAGE = 2;
/** The tool fails while the controller moves. */
const TIMEOUT_MS = 180_000;

type Brokers = Pick<Cluster, 'kafkaTool'>;

export function setQuota(cluster: Brokers, clientId: string): Promise<void> {
  const quota = `producer_byte_rate=${PRODUCER_BYTE_RATE},request_percentage=${REQUEST_PERCENTAGE}`;
  return alter(cluster, clientId, ['--add-config', quota]);
}

export function removeQuota(cluster: Brokers, clientId: string): Promise<void> {
  return alter(cluster, clientId, ['--delete-config', 'producer_byte_rate,request_percentage']);
}

async function alter({ kafkaTool }: Brokers, clientId: string, change: readonly string[]): Promise<void> {
  const altered = async (): Promise<boolean> => {
    await kafkaTool(CONFIGS_TOOL, ['--alter', '--entity-type', 'clients', '--entity-name', clientId, ...change]);
    return true;
  };
  await pollUntil(altered, { awaited: `the quota of ${clientId} is changed`, timeoutMs: TIMEOUT_MS });
}
