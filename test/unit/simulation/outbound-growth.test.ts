/** An operator adds partitions to the topic of announcements while an instance runs. */
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import { framed } from '../../../testkit/simulation/pipeline/codecs.js';
import { isAtRest, stuck } from '../../../testkit/simulation/instances/check.js';
import { inWorld } from '../../../testkit/simulation/instances/in-world.js';
import { Instance } from '../../../testkit/simulation/instances/instance.js';
import { TOPICS } from '../../../testkit/simulation/instances/topics.js';
import { World } from '../../../testkit/simulation/instances/world.js';

const GROWN = 3;
const ADDED = 2;
/** A growth is noticed within seconds. */
const NOTICED_MS = 30_000;

test('announcements go to the partition of their key, also to an added one', async () => {
  const world = new World(1, 2, false);
  await inWorld(world, async () => {
    const instance = new Instance(world, 'first', {});
    instance.start();
    await comeToRest(world, instance);
    world.cluster.addPartitions(TOPICS.companySynchronized, GROWN);
    await world.pass(NOTICED_MS);
    completeCompany(world, idIn(ADDED));
    await comeToRest(world, instance);
    const recordsIn = (partition: number) => world.cluster.ends(TOPICS.companySynchronized, partition)?.end;
    expect(recordsIn(0)).toBe(0);
    expect(recordsIn(ADDED)).toBeGreaterThan(0);
    instance.kill();
  });
});

/** A company id that belongs to this one of the grown partitions. */
function idIn(partition: number): string {
  for (let i = 0; ; i++) if (partitionOfKey(Buffer.from(`company-${i}`), GROWN) === partition) return `company-${i}`;
}

/** Writes a manifest and the status that completes it, to input partition 0. */
function completeCompany({ cluster, time }: World, companyId: string): void {
  const dataset = { datasetId: 'd', dataType: 'invoices' };
  const manifest = { linkId: 'l', connectionId: 'c', sourceType: 'accounting', companyName: 'A', datasets: [dataset] };
  const status = { ...dataset, connectionId: 'c', status: 'Complete', trigger: 'LINK', revision: null };
  const payloads = [
    { 'companysync.LinkSyncQueued': { ...manifest, isFinal: true } },
    { 'companysync.DatasetStatusChanged': { ...status, errorMessage: null } },
  ];
  for (const payload of payloads) {
    const value = framed('syncEvent', { eventId: 'e', companyId, clientId: 'x', occurredAt: time.now(), payload });
    cluster.append(TOPICS.syncEvents, 0, { key: Buffer.from(companyId), value, headers: [] }, time.now());
  }
}

async function comeToRest(world: World, instance: Instance): Promise<void> {
  if (!(await world.pass(120_000, () => isAtRest(world, [instance])))) throw new Error(stuck(world, [instance]));
}
