/** Both sides must publish the same events from the same input. */
import avro from 'avsc';
import type { Cluster } from '../../testkit/cluster/cluster.js';
import { newestSchema } from '../../testkit/schema-file.js';
import { SCHEMAS_FOLDER } from '../lib/deployment.js';
import { thousands } from '../lib/figures.js';
import { logsOf, partitionsOf, readWhole } from '../lib/topic-reading.js';
import type { Installed } from './contestant.js';

const FRAMING_BYTES = 5;

interface Announced {
  readonly datasets: readonly { readonly datasetId: string }[];
  readonly connections: readonly { readonly connectionId: string }[];
}

/** @throws Error unless both have announced the same companies, each once, with the same content */
export async function mustAgree(cluster: Cluster, [one, other]: readonly [Installed, Installed]): Promise<void> {
  const [left, right] = await Promise.all([announcementsOf(cluster, one), announcementsOf(cluster, other)]);
  for (const [companyId, content] of left)
    if (right.get(companyId) !== content)
      throw new Error(`company ${companyId}:\n${content}\nis on the other side\n${right.get(companyId)}`);
  if (left.size !== right.size) throw new Error(`${left.size} companies were announced, and ${right.size}`);
  console.log(`  ${thousands(left.size)} companies announced by both, each once and with the same content`);
}

/** By company, as text: lists have no order, and the event's id follows from the application id, which differs. */
async function announcementsOf(cluster: Cluster, { deployment }: Installed): Promise<Map<string, string>> {
  const type = avro.Type.forSchema(newestSchema(SCHEMAS_FOLDER, 'company-synchronized-value') as avro.Schema);
  const logs = logsOf(cluster.bootstrap, 'bench');
  const found = new Map<string, string>();
  await readWhole(logs, partitionsOf(deployment.topics.synchronized, deployment.partitions), ({ key, value }) => {
    const companyId = String(key);
    if (found.has(companyId)) throw new Error(`company ${companyId} was announced twice`);
    if (value === null) throw new Error(`the announcement of ${companyId} has no value`);
    const event = type.fromBuffer(value.subarray(FRAMING_BYTES)) as Announced;
    const datasets = event.datasets.toSorted((a, b) => a.datasetId.localeCompare(b.datasetId));
    const connections = event.connections.toSorted((a, b) => a.connectionId.localeCompare(b.connectionId));
    found.set(companyId, JSON.stringify({ ...event, eventId: undefined, datasets, connections }));
  });
  await logs.close();
  return found;
}
