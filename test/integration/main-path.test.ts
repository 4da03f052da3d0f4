/** From the platform's records to the committed log of a downstream reader, with the real command. */
import { randomUUID } from 'node:crypto';
import { Partitioners } from 'kafkajs';
import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import { headerTexts } from '../../testkit/audit/topic-record.js';
import { currentCluster } from '../support/current-cluster.js';
import { createTopics, deploy, describeDeployment, registerSchemas } from '../../testkit/deployment.js';
import type { Deployment } from '../../testkit/deployment.js';
import { expectedEventId } from '../support/expected-event-id.js';
import { announcedCompanies, announcements, consumed, consumedToEnd } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { plainClient } from '../support/topics.js';

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let processor: Processor;

/** One deployment and one instance. Each test has its own companies. */
beforeAll(async () => {
  deployment = await deploy(currentCluster(), { settings: { EVENT_NAMESPACE: 'production' } });
  platform = await Platform.connect(deployment);
  processor = await processors.startReady(deployment);
});

afterAll(async () => {
  await platform.close();
  await processors.endAll();
});

async function announcementsOf(companyId: string) {
  return (await announcements(deployment)).filter(({ event }) => event.companyId === companyId);
}

test('a company is announced once, when all its datasets have finished, with all fields of the contract', async () => {
  const company = randomUUID();
  const { manifest, status } = recordsOf(company);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const completedAt = Date.now() - 5_000;
  const places = await platform.send([
    status('early', 'Fetching', { revision: 1 }),
    status('early', 'Complete', { revision: 2 }),
    manifest({
      linkId: 'link-a',
      connectionId: 'books',
      sourceType: 'accounting',
      companyName: 'Old name',
      datasets: [{ datasetId: 'early', dataType: 'invoices' }],
      isFinal: false,
    }),
    manifest({ linkId: 'link-b', connectionId: 'bank', sourceType: 'banking', datasets: ['balances', 'cards'] }),
    status('early', 'FetchError', { revision: 2 }), // stale
    status('cards', 'NotSupported'),
    status('balances', 'Complete'),
    status('balances', 'Queued'), // queued again
    status('balances', 'AuthError', { trigger: 'REFRESH' }), // ignored
    manifest({
      linkId: 'link-a',
      connectionId: 'books',
      sourceType: 'accounting-v2',
      companyName: 'New name',
      datasets: [{ datasetId: 'late', dataType: 'banking-transactions' }],
    }),
    status('late', 'MapError'),
    platform.status(company, 'balances', 'Cancelled', {}, { timestamp: completedAt, headers: { traceparent } }),
    status('late', 'Complete'), // after the announcement
  ]);
  await consumed(deployment, places);

  const found = await announcementsOf(company);
  expect(found).toHaveLength(1);
  const { event, record } = found[0] as (typeof found)[number];
  const partition = places[0]?.partition as number;
  const offset = (index: number) => places[index]?.offset as number;
  const byId = <T extends { connectionId: string; datasetId?: string }>(items: readonly T[]): T[] =>
    [...items].sort((a, b) => `${a.datasetId} ${a.connectionId}`.localeCompare(`${b.datasetId} ${b.connectionId}`));
  expect({ ...event, connections: byId(event.connections), datasets: byId(event.datasets) }).toEqual({
    eventId: expectedEventId('production', company),
    companyId: company,
    clientId: 'client-1',
    companyName: 'New name',
    synchronizedAt: completedAt,
    trigger: 'ALL_DATASETS',
    connections: [
      { connectionId: 'bank', sourceType: 'banking' },
      { connectionId: 'books', sourceType: 'accounting-v2' },
    ],
    datasets: [
      dataset('balances', 'bank', 'Cancelled', offset(11)),
      dataset('cards', 'bank', 'NotSupported', offset(5)),
      dataset('early', 'books', 'Complete', offset(1)),
      dataset('late', 'books', 'MapError', offset(10), 'banking-transactions'),
    ],
    succeeded: 1,
    failed: 1,
    ended: 2,
    source: { topic: deployment.topics.events, partition, offset: offset(11) },
    linkedAt: expect.any(Number) as number,
  });

  expect(record.key?.toString()).toBe(company);
  expect(record.partition).toBe(partition);
  expect(record.value?.[0]).toBe(0);
  expect(record.value?.readInt32BE(1)).toBe(await idOfLatest(`${deployment.topics.synchronized}-value`));
  expect(Object.fromEntries([...record.headers.keys()].map((key) => [key, headerTexts(record.headers, key)]))).toEqual({
    ce_specversion: ['1.0'],
    ce_id: [event.eventId],
    ce_type: ['company.synchronized.v1'],
    ce_source: [`/${deployment.applicationId}/${deployment.topics.events}/${partition}`],
    ce_subject: [company],
    ce_time: [new Date(completedAt).toISOString()],
    ce_partitionkey: [company],
    'content-type': ['application/avro'],
    traceparent: [traceparent],
  });
  // Retention counts from the time of writing.
  expect(record.timestamp).toBeGreaterThan(completedAt);
});

test('unlinking ends the unfinished datasets, a second link extends the set, nothing succeeded announces nothing', async () => {
  const [unlinked, extended, failed] = [randomUUID(), randomUUID(), randomUUID()];
  const [a, b, c] = [recordsOf(unlinked), recordsOf(extended), recordsOf(failed)];
  const places = await platform.send([
    a.manifest({ connectionId: 'x', linkId: 'l1', datasets: ['1', '2'] }),
    a.manifest({ connectionId: 'y', linkId: 'l2', datasets: ['3'] }),
    a.status('3', 'Complete'),
    a.status('1', 'Fetching'),
    platform.unlink(unlinked, 'x'),
    b.manifest({ linkId: 'l1', datasets: ['1'] }),
    b.manifest({ linkId: 'l2', datasets: ['2'], isFinal: false }),
    b.status('1', 'Complete'),
    b.status('2', 'Complete'),
    c.manifest({ datasets: ['1'] }),
    c.status('1', 'FetchError'),
  ]);
  await consumed(deployment, places);
  expect(await announcementsOf(extended)).toEqual([]);
  expect(await announcementsOf(failed)).toEqual([]);
  const found = await announcementsOf(unlinked);
  expect(found).toHaveLength(1);
  expect(found[0]?.event).toMatchObject({ succeeded: 1, failed: 0, ended: 2, source: { offset: places[4]?.offset } });

  await consumed(
    deployment,
    await platform.send([b.manifest({ linkId: 'l2', datasets: [] }), c.status('1', 'Complete')]),
  );
  expect(await announcementsOf(extended)).toHaveLength(1);
  expect(await announcementsOf(failed)).toHaveLength(1);
});

test('records of aborted transactions do not exist', async () => {
  const company = randomUUID();
  const { manifest, status } = recordsOf(company);
  const partition = 1;
  const opened = { partition, key: company };
  const transactional = plainClient(deployment.bootstrap).producer({
    transactionalId: randomUUID(),
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  await transactional.connect();
  const write = async (records: readonly { value: Buffer | null }[], end: 'commit' | 'abort') => {
    const transaction = await transactional.transaction();
    const messages = records.map(({ value }) => ({ ...opened, value }));
    await transaction.send({ topic: deployment.topics.events, messages });
    await transaction[end]();
  };
  await write([manifest({ datasets: ['1', '2'] })], 'commit');
  await write([status('1', 'Complete'), { value: Buffer.from('no avro') }], 'abort');
  await write([status('2', 'Complete')], 'commit');
  await write([manifest({ linkId: 'never', datasets: ['3'] }), platform.deletion(company)], 'abort');
  await transactional.disconnect();
  await consumedToEnd(deployment);
  expect(await announcementsOf(company)).toEqual([]);

  const places = await platform.send([{ ...status('1', 'MapError'), partition }]);
  await consumed(deployment, places);
  const [found] = await announcementsOf(company);
  expect(found?.event).toMatchObject({ succeeded: 1, failed: 1, source: { ...places[0] } });
  expect(found?.event.datasets).toHaveLength(2);
});

test('a company continues from its state after a stop, a kill -9 and the loss of the state folder', async () => {
  const company = randomUUID();
  const { manifest, status } = recordsOf(company);
  const write = async (...records: Parameters<Platform['send']>[0][]) => {
    const places = await platform.send(records.flat());
    await consumed(deployment, places);
    return places;
  };
  await write([manifest({ datasets: ['1', '2', '3'] }), status('1', 'Complete')]);
  expect(await processor.stop()).toBe(0);
  processor = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await write([status('2', 'Complete')]);
  await processor.kill();
  processor = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await write([status('2', 'Complete')]);
  expect(processor.log.filter(({ msg }) => msg.includes('set aside'))).toEqual([]);

  await processor.stop();
  processor = await processors.startReady(deployment);
  const [last] = await write([status('3', 'Complete')]);
  await write([status('1', 'Complete')]);
  const found = await announcementsOf(company);
  expect(found.map(({ event }) => event.source.offset)).toEqual([last?.offset]);
  expect(found[0]?.event.succeeded).toBe(3);
});

test('an audit by the reference model finds nothing wrong with any of it', async () => {
  const report = await auditCluster({ ...deployment, settingsInPlaceBefore: 0 });
  expect(report.anomalies).toEqual([]);
  expect(report.announced).toBe((await announcedCompanies(deployment)).length);
});

test('if the outbound topic has another partition count, the key decides the partition of its records', async () => {
  const other = describeDeployment(currentCluster(), { partitions: 2 });
  const admin = plainClient(other.bootstrap).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: other.topics.synchronized, numPartitions: 5 }], waitForLeaders: true });
  await admin.disconnect();
  await Promise.all([createTopics(other), registerSchemas(other)]);
  const sender = await Platform.connect(other);
  await processors.startReady(other);
  const companies = Array.from({ length: 12 }, (_, i) => `company-${i}`);
  const places = await sender.send(companies.flatMap((company) => sender.completeCompany(company)));
  await consumed(other, places);
  await sender.close();

  const found = await announcements(other);
  expect(found.map(({ event }) => event.companyId).sort()).toEqual([...companies].sort());
  const partitioner = Partitioners.DefaultPartitioner();
  for (const { record, event } of found) {
    const partitionMetadata = Array.from({ length: 5 }, (_, partitionId) => ({
      partitionId,
      leader: 1,
      replicas: [],
      isr: [],
      partitionErrorCode: 0,
    }));
    const message = { key: event.companyId, value: null };
    expect(record.partition).toBe(partitioner({ topic: other.topics.synchronized, partitionMetadata, message }));
  }
});

test('a record too large for its topic stops only its partition, until the limit is raised', async () => {
  const small = describeDeployment(currentCluster(), { partitions: 2 });
  const topic = small.topics.synchronized;
  const admin = plainClient(small.bootstrap).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries }], waitForLeaders: true });
  await Promise.all([createTopics(small), registerSchemas(small)]);
  const sender = await Platform.connect(small);
  const instance = await processors.startReady(small);
  // Names that do not compress to less than the limit.
  const datasets = Array.from({ length: 200 }, () => randomUUID());
  const large = [
    sender.manifest('large', { datasets }, { partition: 0 }),
    ...datasets.map((dataset) => sender.status('large', dataset, 'Complete', {}, { partition: 0 })),
  ];
  const places = await sender.send([...large, ...sender.completeCompany('after', { partition: 0 })]);
  const { reason } = await instance.partitionIs(0, 'blocked');
  expect(reason).toMatch(new RegExp(`\\d{4} bytes does not fit topic ${topic}.*max\\.message\\.bytes`));

  await consumed(small, await sender.send(sender.completeCompany('meanwhile', { partition: 1 })));
  expect(await announcedCompanies(small)).toEqual(['meanwhile']);
  expect((await instance.readiness()).unready.map(({ partition }) => partition)).toEqual([0]);

  const raised = [{ type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value: '1000000' }] }];
  await admin.alterConfigs({ validateOnly: false, resources: raised });
  await admin.disconnect();
  await consumed(small, places);
  await sender.close();
  expect(await announcedCompanies(small)).toEqual(['after', 'large', 'meanwhile']);
});

function recordsOf(company: string) {
  return {
    manifest: (manifest: Parameters<Platform['manifest']>[1]) => platform.manifest(company, manifest),
    status: (datasetId: string, status: string, details?: Parameters<Platform['status']>[3]) =>
      platform.status(company, datasetId, status, details),
  };
}

function dataset(
  datasetId: string,
  connectionId: string,
  status: string,
  decidedAtOffset: number,
  dataType = 'invoices',
) {
  return { datasetId, dataType, connectionId, status, decidedAtOffset };
}

async function idOfLatest(subject: string): Promise<number> {
  const response = await fetch(`${deployment.registryUrl}/subjects/${subject}/versions/latest`);
  return ((await response.json()) as { id: number }).id;
}
