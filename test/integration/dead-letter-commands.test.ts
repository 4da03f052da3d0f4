/** `company-sync dead-letters`: what an operator does about records that could not be read. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logLevel } from 'kafkajs';
import { systemClock } from '../../src/lib/system-clock.js';
import { partitionOfKey } from '../../src/kafka/transactions/partitioner.js';
import type { KafkaConfig } from '../../src/kafka/connection/cluster.js';
import { RecordSender, sendTogether } from '../../src/kafka/topics/record-sender.js';
import { BrokerError } from '../../src/pipeline/errors.js';
import { deadLetterOf } from '../../src/publish/dead-letter.js';
import { currentCluster } from '../support/current-cluster.js';
import { runCommand, SCHEMAS_FOLDER, type CommandResult } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, announcements, consumed, consumedToEnd } from '../support/outbound.js';
import { framed, Platform, type Place, type PlatformRecord } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { newestSchema } from '../../testkit/schema-file.js';
import { createTopic, readCommitted } from '../support/topics.js';

const processors = new Processors();
const folder = mkdtempSync(join(tmpdir(), 'dead-letters-'));
let deployment: Deployment;
let platform: Platform;
let client: KafkaConfig;

beforeAll(async () => {
  deployment = await deploy(currentCluster(), { partitions: 2 });
  platform = await Platform.connect(deployment);
  client = { clientId: 'test', brokers: deployment.bootstrap.split(','), logLevel: logLevel.NOTHING };
  await processors.startReady(deployment);
});
afterAll(async () => {
  await platform.close();
  await processors.endAll();
  rmSync(folder, { recursive: true, force: true });
});

function deadLetters(...words: string[]): Promise<CommandResult> {
  return runCommand(['dead-letters', ...words], deployment.environment);
}

/**
 * Writes a company that is complete except for a bad record.
 *
 * @param spoil turns a status of the company's dataset into a bad record
 * @returns the bad record's `<partition>/<offset>`
 */
async function holdCompany(company: string, spoil: (readable: Buffer) => Buffer): Promise<string> {
  const status = platform.status(company, 'd', 'Fetching', { revision: 1 }).value as Buffer;
  const places = await platform.send([
    platform.manifest(company, { datasets: ['d'] }),
    { key: company, value: spoil(status) },
    platform.status(company, 'd', 'Complete', { revision: 5 }),
  ]);
  await consumed(deployment, places);
  const { partition, offset } = places[1] as Place;
  return `${partition}/${offset}`;
}

async function isAnnounced(company: string): Promise<boolean> {
  await consumedToEnd(deployment);
  return (await announcedCompanies(deployment)).includes(company);
}

const nonsense = (): Buffer => Buffer.from('nonsense');

function fixedFile(company: string, payload: object, clientId = 'client-1'): string {
  const file = join(folder, `${company}.json`);
  writeFileSync(file, JSON.stringify({ companyId: company, clientId, payload }));
  return file;
}

const STATUS = { datasetId: 'd', connectionId: 'connection-1', dataType: 'invoices', trigger: 'LINK' };

test('a dead letter is listed, shown, and repaired with the corrected event', async () => {
  const company = randomUUID();
  const id = await holdCompany(company, nonsense);
  expect(await isAnnounced(company)).toBe(false);

  const listed = await deadLetters('list', '--open');
  expect(listed.stdout).toMatch(new RegExp(`^${id} .* bad-framing +${company} {2}\\(no repair\\)$`, 'm'));
  const shown = await deadLetters('show', id);
  expect(shown.stdout).toContain(Buffer.from('nonsense').toString('base64'));

  const asItIs = await deadLetters('repair', id);
  expect(asItIs).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/still cannot be read.*--file/) as string,
  });

  // Without a revision it would set the dataset to Fetching again, although Complete came later.
  const withoutRevision = fixedFile(company, { DatasetStatusChanged: { ...STATUS, status: 'Fetching' } });
  const stale = await deadLetters('repair', id, '--file', withoutRevision);
  expect(stale).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has a later status') as string });
  expect(await isAnnounced(company)).toBe(false);

  const fixed = fixedFile(company, { DatasetStatusChanged: { ...STATUS, status: 'Fetching', revision: 1 } });
  expect(await deadLetters('repair', id, '--file', fixed)).toMatchObject({ exitCode: 0 });
  expect(await isAnnounced(company)).toBe(true);
  expect((await deadLetters('list', '--open')).stdout).not.toContain(company);
});

test('all dead letters that can be read now are sent again, and the rest is left', async () => {
  const [late, hopeless] = [randomUUID(), randomUUID()];
  const idOfHopeless = await holdCompany(hopeless, nonsense);
  const schema = await schemaToCome();
  await holdCompany(late, schema.framed);
  expect((await deadLetters('list', '--code', 'unknown-schema')).stdout).toContain(late);
  await schema.register();

  const { stdout } = await deadLetters('repair', '--all');
  expect(stdout).toMatch(new RegExp(`^${idOfHopeless}: not repaired: bad-framing`, 'm'));
  expect(stdout).toMatch(new RegExp(`: sent a repair for company ${late}$`, 'm'));
  expect(stdout).toMatch(/^1 of 2 dead letters without a repair were sent again$/m);
  expect(await isAnnounced(late)).toBe(true);
  expect(await isAnnounced(hopeless)).toBe(false);
}, 60_000);

test('a dead letter that would undo later records is left', async () => {
  const [relinked, moved] = [randomUUID(), randomUUID()];
  const schema = await schemaToCome();
  const late = (record: PlatformRecord) => ({ ...record, value: schema.framed(record.value as Buffer) });
  const dataset = (linkId: string, datasetId: string, connectionId = 'c1') => ({
    linkId,
    connectionId,
    datasets: [datasetId],
  });
  const places = await platform.send([
    platform.manifest(relinked, dataset('L1', 'old')),
    platform.manifest(relinked, dataset('elsewhere', 'done', 'c0')),
    platform.status(relinked, 'done', 'Complete'),
    late(platform.unlink(relinked, 'c1')),
    platform.manifest(relinked, dataset('L2', 'new')),
  ]);
  const ofMoved = await platform.send([
    late(platform.manifest(moved, dataset('L1', 'd'))),
    platform.manifest(moved, dataset('L2', 'd')),
  ]);
  await consumed(deployment, [...places, ...ofMoved]);
  const [idOfUnlink, idOfManifest] = [idAt(places[3]), idAt(ofMoved[0])];
  await schema.register();

  const { stdout } = await deadLetters('repair', '--all');
  expect(stdout).toContain(`${idOfUnlink}: not repaired: connection c1 has a later manifest (${idAt(places[4])})`);
  expect(stdout).toContain(`${idOfManifest}: not repaired: dataset d has a later manifest (${idAt(ofMoved[1])})`);
  const alone = await deadLetters('repair', idOfUnlink);
  expect(alone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('a later manifest') as string });

  // An unreadable repair of it came after the relinking. The unlink would still end the new link.
  const failed = { key: relinked, value: nonsense(), headers: { repairs: idOfUnlink } };
  const [placeOfFailed] = await platform.send([failed]);
  await consumed(deployment, [placeOfFailed as Place]);
  const unlinked = fixedFile(relinked, { ConnectionUnlinked: { connectionId: 'c1' } });
  const again = await deadLetters('repair', idAt(placeOfFailed), '--file', unlinked);
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('a later manifest') as string });

  expect(await isAnnounced(relinked)).toBe(false);
  expect(await deadLetters('repair', idOfUnlink, '--force')).toMatchObject({ exitCode: 0 });
  expect(await isAnnounced(relinked)).toBe(true);
}, 60_000);

test('a dead letter whose other company has no known client is not repaired, and the rest is repaired', async () => {
  const [held, meant, other] = [randomUUID(), randomUUID(), randomUUID()];
  const schema = await schemaToCome();
  const ofMeant = platform.status(meant, 'd', 'Complete');
  const [wrongKey] = await platform.send([{ ...ofMeant, key: held }]);
  const headers = { repairs: idAt(wrongKey) };
  const [failed] = await platform.send([{ ...ofMeant, value: schema.framed(ofMeant.value as Buffer), headers }]);
  await consumed(deployment, [wrongKey as Place, failed as Place]);
  await holdCompany(other, schema.framed);
  await schema.register();

  const { exitCode, stdout } = await deadLetters('repair', '--all', '--code', 'unknown-schema');
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`${idAt(failed)}: not repaired: the client of ${held} is unknown`);
  expect(await isAnnounced(other)).toBe(true);
  expect(await deadLetters('repair', '--all', '--client-id', 'c')).toMatchObject({ exitCode: 2 });
  const repaired = await deadLetters('repair', idAt(failed), '--client-id', 'client-1');
  expect(repaired.stdout).toContain(`released company ${held}: ${idAt(wrongKey)} had its key, but belong`);
}, 60_000);

function idAt(place: Place | undefined): string {
  return `${place?.partition}/${place?.offset}`;
}

/** The registry gives ids in order. This is an id that it has not given yet; a variant of the schema gets it later. */
async function schemaToCome() {
  const schemaId = (await registerVariant()) + 3;
  return {
    framed: (readable: Buffer) => framed(schemaId, readable.subarray(5)),
    async register(): Promise<void> {
      while ((await registerVariant()) < schemaId);
    },
  };
}

/** Registers the schema of the input again, with another name. @returns its id */
async function registerVariant(): Promise<number> {
  const schema = newestSchema(SCHEMAS_FOLDER, 'sync-events-value');
  const variant = { ...schema, doc: randomUUID() };
  const response = await fetch(`${deployment.registryUrl}/subjects/variant-${randomUUID()}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(variant) }),
  });
  return ((await response.json()) as { id: number }).id;
}

test('a company is released from its holds, and the reason is kept', async () => {
  const company = randomUUID();
  await holdCompany(company, nonsense);
  const withoutWhy = await deadLetters('release', company);
  expect(withoutWhy).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--why') as string });

  expect(await deadLetters('release', company, '--why', 'the record was a test')).toMatchObject({ exitCode: 0 });
  expect(await isAnnounced(company)).toBe(true);
  expect(await deadLetters('release', company, '--why', 'again')).toMatchObject({ exitCode: 1 });
});

test('a repair that cannot be read leaves its dead letter open, and the next repair replaces both', async () => {
  const company = randomUUID();
  const id = await holdCompany(company, nonsense);
  const failed = { key: company, value: Buffer.from('no better'), headers: { repairs: id } };
  const [place] = await platform.send([failed]);
  await consumed(deployment, [place as Place]);
  const idOfFailed = `${place?.partition}/${place?.offset}`;

  const { stdout } = await deadLetters('list', '--open');
  expect(stdout).toMatch(new RegExp(`^${id} .*\\(no repair that could be read: ${idOfFailed}\\)$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^${idOfFailed} .*\\(no repair; this was a repair of ${id}\\)$`, 'm'));
  const fixed = fixedFile(company, { DatasetStatusChanged: { ...STATUS, status: 'Fetching', revision: 1 } });
  const repaired = await deadLetters('repair', id, '--file', fixed);
  expect(repaired).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(idOfFailed) as string });
  expect(await isAnnounced(company)).toBe(true);
  expect((await deadLetters('list', '--open')).stdout).not.toContain(company);
});

test('a repair goes to the partition that has the company, whatever partitioner put it there', async () => {
  const company = randomUUID();
  const partition = 1 - partitionOfKey(Buffer.from(company), 2);
  const records = [
    platform.manifest(company, { datasets: ['d'] }),
    { key: company, value: nonsense() },
    platform.status(company, 'd', 'Fetching', { revision: 1 }),
  ];
  const places = await platform.send(records.map((record) => ({ ...record, partition })));
  await consumed(deployment, places);
  const fixed = fixedFile(company, { DatasetStatusChanged: { ...STATUS, status: 'Complete', revision: 2 } });
  expect(await deadLetters('repair', `${partition}/${places[1]?.offset}`, '--file', fixed)).toMatchObject({
    exitCode: 0,
  });
  expect(await isAnnounced(company)).toBe(true);
});

test('a record without a key is repaired in the partition of its company, not in its own', async () => {
  const company = randomUUID();
  const byKey = partitionOfKey(Buffer.from(company), 2);
  const [manifest, keyless] = await platform.send([
    { ...platform.manifest(company, { datasets: ['d'] }), partition: 1 - byKey },
    { ...platform.status(company, 'd', 'Complete'), key: null, partition: byKey },
  ]);
  await consumed(deployment, [manifest as Place, keyless as Place]);
  const fixed = fixedFile(company, { DatasetStatusChanged: { ...STATUS, status: 'Complete' } });
  expect(await deadLetters('repair', idAt(keyless), '--file', fixed)).toMatchObject({ exitCode: 0 });
  expect(await isAnnounced(company)).toBe(true);
});

test('only dead letters written since a time are listed', async () => {
  await holdCompany(randomUUID(), nonsense);
  const since = new Date().toISOString();
  const company = randomUUID();
  const id = await holdCompany(company, nonsense);
  const { stdout } = await deadLetters('list', '--since', since);
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(new RegExp(`^${id} .*${company}`)),
    '1 dead letters, 1 of them without a repair',
  ]);
  expect(await deadLetters('list', '--since', 'yesterday')).toMatchObject({ exitCode: 2 });
  expect(await deadLetters('list', '--code', 'undecoded')).toMatchObject({ exitCode: 2 });
});

test("a record with another company's key is repaired in its own company's partition, and the key's company is released", async () => {
  const [held, meant] = [randomUUID(), randomUUID()];
  const id = await holdCompany(held, () => platform.status(meant, 'd', 'Complete').value as Buffer);
  // The repair is refused if a later status exists, in the partition of the company that the record belongs to.
  await consumed(deployment, await platform.send([platform.status(meant, 'other', 'Complete')]));
  const outdated = fixedFile(meant, { DatasetStatusChanged: { ...STATUS, datasetId: 'other', status: 'Fetching' } });
  const refused = await deadLetters('repair', id, '--file', outdated);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has a later status') as string });
  expect(await isAnnounced(held)).toBe(false);

  const fixed = fixedFile(meant, { DatasetStatusChanged: { ...STATUS, status: 'Complete' } }, 'client-of-another');
  const { exitCode, stdout } = await deadLetters('repair', id, '--file', fixed);

  expect(exitCode).toBe(0);
  expect(stdout).toContain(`released company ${held}: ${id} had its key, but belong`);
  expect(await isAnnounced(held)).toBe(true);
  // The record that lifts the last hold gives the announcement its client.
  const ofHeld = (await announcements(deployment)).find(({ event }) => event.companyId === held);
  expect(ofHeld?.event.clientId).toBe('client-1');
  await consumed(deployment, await platform.send([platform.manifest(meant, { datasets: ['d', 'other'] })]));
  expect(await isAnnounced(meant)).toBe(true);
  expect((await deadLetters('list', '--open')).stdout).not.toContain(held);
});

test('a deletion that could not be read is left by --all, and sent alone only after a confirmation', async () => {
  const company = randomUUID();
  const schema = await schemaToCome();
  const { value, ...deletion } = platform.deletion(company);
  const places = await platform.send([
    platform.manifest(company, { datasets: ['d'] }),
    { ...deletion, value: schema.framed(value as Buffer) },
    platform.status(company, 'd', 'Complete'),
  ]);
  await consumed(deployment, places);
  const id = idAt(places[1]);
  await schema.register();

  const { stdout } = await deadLetters('repair', '--all', '--force');
  expect(stdout).toContain(`${id}: not repaired: its CompanyDeleted would silence company ${company} permanently`);
  const dry = await deadLetters('repair', id, '--dry-run');
  expect(dry).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`"${company}"`) as string });
  const alone = await deadLetters('repair', id);
  expect(alone).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('nobody confirmed') as string });
  expect((await deadLetters('list', '--open')).stdout).toContain(company);
  expect(await deadLetters('repair', id, '--yes')).toMatchObject({ exitCode: 0 });
  expect(await isAnnounced(company)).toBe(false);
  expect((await deadLetters('list', '--open')).stdout).not.toContain(company);
}, 60_000);

test('a dead letter that another client wrote is not sent, and does not hide the real one', async () => {
  const [company, victim] = [randomUUID(), randomUUID()];
  const schema = await schemaToCome();
  const id = await holdCompany(company, schema.framed);
  await schema.register();
  const [partition = NaN, offset = NaN] = id.split('/').map(Number);
  const input = { topic: deployment.topics.events, partition };
  const { key, value } = platform.deletion(victim);
  const forged = (at: number) => {
    const record = { offset: at, timestamp: Date.now(), key: Buffer.from(String(key)), value, headers: [] };
    return { ...deadLetterOf(record, { code: 'unknown-schema', message: '' }, input), partition };
  };
  const beyondEnd = offset + 1_000_000;
  await sendTogether(client, systemClock, randomUUID(), deployment.topics.deadLetters, [
    forged(offset),
    forged(beyondEnd),
    forged(offset + 1),
  ]);

  const { stdout } = await deadLetters('repair', '--all', '--force', '--code', 'unknown-schema');
  expect(stdout).toContain(`${partition}/${beyondEnd}: not repaired: ${deployment.topics.events} does not have record`);
  expect(stdout).toContain(`${partition}/${offset + 1}: not repaired: the dead letter is not a copy of record`);
  expect(stdout).toContain(`${id}: sent a repair for company ${company}`);
  expect(stdout).not.toContain(`company ${victim}`);
  const alone = await deadLetters('repair', `${partition}/${offset + 1}`, '--yes', '--force');
  expect(alone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('pass --unverified') as string });
  expect((await deadLetters('show', id)).stdout).toContain('input record: the dead letter is a copy of it');
  expect((await deadLetters('show', `${partition}/${offset + 1}`)).stdout).toContain('is not a copy of it');
  expect(await isAnnounced(company)).toBe(true);
}, 60_000);

test('a record for a partition that the topic does not have is refused, and the others are not written', async () => {
  const topic = await createTopic(deployment.bootstrap, { numPartitions: 2 });
  const records = [1, 7].map((partition) => ({ key: null, value: Buffer.from('v'), headers: [], partition }));
  await expect(sendTogether(client, systemClock, randomUUID(), topic, records)).rejects.toThrow(
    `nothing was written to partition 7 of ${topic}`,
  );
  expect(await readCommitted(deployment.bootstrap, topic)).toEqual([]);
  const sender = await RecordSender.connect(client, systemClock);
  try {
    await expect(sender.send(topic, records.slice(1))).rejects.toThrow('nothing was written to partition 7');
  } finally {
    await sender.close();
  }
});

test('of records that are sent together, all are written or none', async () => {
  const configEntries = [{ name: 'max.message.bytes', value: '1000' }];
  const topic = await createTopic(deployment.bootstrap, { numPartitions: 2, configEntries });
  const send = (...sizes: readonly number[]) => {
    const records = sizes.map((size, partition) => ({ key: null, value: Buffer.alloc(size), headers: [], partition }));
    return sendTogether(client, systemClock, randomUUID(), topic, records);
  };
  await expect(send(10, 5_000)).rejects.toThrow(BrokerError);
  expect(await readCommitted(deployment.bootstrap, topic)).toEqual([]);
  await send(10, 20);
  expect(await readCommitted(deployment.bootstrap, topic)).toHaveLength(2);
});
