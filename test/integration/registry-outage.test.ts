/**
 * A registry without usable answers makes no record bad: the partitions that need it wait, report that, and continue
 * without help.
 */
import avro from 'avsc';
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, announcements, consumed, deadLetterCodes } from '../support/outbound.js';
import { framed, Platform, type PlatformRecord } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';
import { RegistryProxy, type RegistryMood } from '../support/registry-proxy.js';

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let registry: RegistryProxy;

beforeAll(async () => {
  registry = await RegistryProxy.start(currentCluster().registryUrl);
  deployment = await deploy({ ...currentCluster(), registryUrl: registry.url });
  platform = await Platform.connect(deployment);
});

beforeEach(() => registry.becomes('well'));

afterAll(async () => {
  await processors.endAll();
  await platform.close();
  await registry.close();
});

test('a start waits for the end of an outage, and SIGTERM ends the wait', async () => {
  await registry.becomes('down');
  const impatient = processors.start(deployment);
  await impatient.poll(
    async () => (await impatient.readiness()).reason === 'waiting for the schema registry',
    'why',
    30_000,
  );
  expect(await impatient.stop()).toBe(0);

  const processor = processors.start(deployment);
  await processor.poll(
    async () => (await processor.inspected()).starting?.includes(`${registry.url} does not answer`) ?? false,
    'it says whom it waits for',
    30_000,
  );
  await registry.becomes('well');
  await processor.ready();
  await consumed(deployment, await platform.send(platform.completeCompany('after the start')));
  expect(await announcedCompanies(deployment)).toContain('after the start');
  await processor.stop();
});

const moods: readonly (readonly [RegistryMood, RegExp])[] = [
  ['down', /does not answer/],
  ['hanging', /does not answer/],
  ['broken', /with 500: Error in the backend datastore/],
  ['a-web-page', /with 200/],
  ['forgetful', /denies ids? \d+.*no record counts as bad/],
];

describe('in the middle', () => {
  let processor: Processor;
  beforeAll(async () => (processor = await processors.startReady(deployment)));
  afterAll(() => processor.stop());

  test.each(moods)('while the registry is %s, only the partition that needs it waits', async (mood, reason) => {
    const needy = { partition: 0 };
    await consumed(deployment, await platform.send(platform.completeCompany(`before ${mood}`, { partition: 1 })));

    const record = await recordOfNewSchema(`needs ${mood}`);
    await registry.becomes(mood);
    const places = await platform.send([
      platform.manifest(`needs ${mood}`, { datasets: ['1'] }, needy),
      { ...record, ...needy },
      platform.status(`needs ${mood}`, '1', 'Complete', {}, needy),
    ]);
    const others = await platform.send(platform.completeCompany(`meanwhile ${mood}`, { partition: 1 }));
    const waiting = await processor.partitionIs(0, 'waiting-for-registry');
    expect(waiting.reason).toMatch(reason);
    await consumed(deployment, others);
    expect((await processor.readiness()).unready).toHaveLength(1);
    expect(await announcedCompanies(deployment)).not.toContain(`needs ${mood}`);

    await registry.becomes('well');
    await consumed(deployment, places);
    await processor.ready();
    expect(await announcedCompanies(deployment)).toContain(`needs ${mood}`);
    expect(await deadLetterCodes(deployment)).toEqual([]);
  });

  test('an id that the registry denies for some time delays its records, and they are not bad once it exists', async () => {
    const record = await recordOfNewSchema('replicated late');
    const id = record.value?.readInt32BE(1) as number;
    const asked = () => registry.asked.filter((path) => path.endsWith(`/schemas/ids/${id}`)).length;
    registry.troubled.set(id, 'denied');
    const places = await platform.send([{ ...record, partition: 2 }]);
    await pollUntil(() => Promise.resolve(asked() >= 3), {
      awaited: 'it was asked for three times',
      timeoutMs: 20_000,
    });
    registry.troubled.delete(id);
    await consumed(deployment, places);
    expect(await deadLetterCodes(deployment)).toEqual([]);
  });
});

test("while the clients' choices cannot be read, no partition decides", async () => {
  await platform.choose('choosy', 'ALL_DATASETS');
  const settingsId = await idOfLatest(`${deployment.topics.settings}-value`);
  const past = { clientId: 'choosy', timestamp: deployment.allDatasetsFrom - 1 };
  const places = await platform.send([
    platform.manifest('waiting', { datasets: ['1', '2'] }, past),
    platform.status('waiting', '1', 'Complete', {}, past),
    platform.status('waiting', '2', 'Complete', {}, past),
  ]);
  registry.troubled.set(settingsId, 'broken');
  const processor = processors.start(deployment);
  for (let partition = 0; partition < deployment.partitions; partition++)
    expect((await processor.partitionIs(partition, 'waiting')).reason).toContain("clients' choices");
  expect(await announcedCompanies(deployment)).not.toContain('waiting');

  registry.troubled.delete(settingsId);
  await consumed(deployment, places);
  const found = (await announcements(deployment)).filter(({ event }) => event.companyId === 'waiting');
  expect(found.map(({ event }) => [event.trigger, event.source.offset])).toEqual([['ALL_DATASETS', places[2]?.offset]]);
  await processor.stop();
});

let schemas = 0;

/** A record that changes nothing, of a schema whose id the processor has never seen. */
async function recordOfNewSchema(company: string): Promise<PlatformRecord> {
  const link = { type: 'record', name: 'ConnectionUnlinked', fields: [{ name: 'connectionId', type: 'string' }] };
  const field = (name: string, type: unknown) => ({ name, type });
  const strings = ['eventId', 'companyId', 'clientId'].map((name) => field(name, 'string'));
  const fields = [...strings, field('occurredAt', 'long'), field('payload', [link])];
  const schema = { type: 'record', name: 'SyncEvent', namespace: 'companysync', doc: `${schemas++}`, fields };
  const url = `${deployment.registryUrl}/subjects/${deployment.topics.events}-writer-${schemas}/versions`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  const { id } = (await response.json()) as { id: number };
  const payload = { connectionId: 'none' };
  const event = { eventId: 'e', companyId: company, clientId: 'c', occurredAt: 0, payload };
  return { key: company, value: framed(id, avro.Type.forSchema(schema as avro.Schema).toBuffer(event)) };
}

async function idOfLatest(subject: string): Promise<number> {
  const response = await fetch(`${deployment.registryUrl}/subjects/${subject}/versions/latest`);
  return ((await response.json()) as { id: number }).id;
}

test('a registry that knows no id of the input makes its partitions wait until an operator consents', async () => {
  const wrong = await deploy({ ...currentCluster(), registryUrl: registry.url });
  const sender = await Platform.connect(wrong);
  const UNKNOWN_ID = 987_654;
  const companies = Array.from({ length: 25 }, (_, i) => `company-${i}`);
  const places = await sender.send(
    companies.map((key) => ({ key, value: framed(UNKNOWN_ID, Buffer.from('any')), partition: 0 })),
  );
  const stateDir = processors.newFolder();
  const first = processors.start(wrong, { stateDir });
  const { reason } = await first.partitionIs(0, 'waiting-for-confirmation');
  expect(reason).toContain('--consent unknown-schemas');
  expect(await deadLetterCodes(wrong)).toEqual([]);
  await first.stop();

  await processors.startReady(wrong, { stateDir, settings: { CONSENT: 'unknown-schemas' } });
  await consumed(wrong, places);
  expect(await deadLetterCodes(wrong)).toHaveLength(companies.length);
  await sender.close();
});
