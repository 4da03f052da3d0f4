/**
 * A record that cannot be read stops nothing and is not lost: it is in the dead-letter topic, and its company is on
 * hold.
 */
import { randomUUID } from 'node:crypto';
import avro from 'avsc';
import { headerTexts, placeOf, type TopicRecord } from '../../testkit/audit/topic-record.js';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcedCompanies, committedRecords, consumed, deadLetterCodes } from '../support/outbound.js';
import { framed, Platform, type Place, type PlatformRecord } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { newestSchema } from '../../testkit/schema-file.js';

const UNKNOWN_SCHEMA_ID = 2_000_000_000;
/** How long the registry must deny an id before the id counts as unknown. */
const DENIAL_MS = 10_000;
const TIMESTAMP = 1_000 * Math.floor(Date.now() / 1_000) - 60_000;
const OWN_HEADERS = {
  dl_code: 'from an earlier life',
  binary: Buffer.of(0xff, 0x00, 0xfe),
  repeated: [Buffer.from('one'), Buffer.from('two'), Buffer.from('one')],
  empty: '',
};

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  deployment = await deploy(currentCluster());
  platform = await Platform.connect(deployment);
  await processors.startReady(deployment);
});

afterAll(async () => {
  await platform.close();
  await processors.endAll();
});

/** A status record of the company that can be read, to be spoilt. */
function readable(company: string): Buffer {
  return platform.status(company, '1', 'Fetching').value as Buffer;
}

interface Spoilt {
  readonly what: string;
  readonly code: string;
  readonly record: (company: string) => Pick<PlatformRecord, 'key' | 'value'> | Promise<PlatformRecord>;
}

const spoilt: readonly Spoilt[] = [
  { what: 'no key', code: 'missing-key', record: (company) => ({ key: null, value: readable(company) }) },
  { what: 'an empty key', code: 'missing-key', record: (company) => ({ key: '', value: readable(company) }) },
  { what: 'neither key nor value', code: 'missing-key', record: () => ({ key: null, value: null }) },
  { what: 'no value', code: 'bad-framing', record: (key) => ({ key, value: null }) },
  { what: 'four bytes', code: 'bad-framing', record: (key) => ({ key, value: Buffer.of(0, 0, 0, 0) }) },
  { what: 'JSON', code: 'bad-framing', record: (key) => ({ key, value: Buffer.from('{"companyId":"x"}') }) },
  {
    what: 'a schema that is nowhere',
    code: 'unknown-schema',
    record: (key) => ({ key, value: framed(UNKNOWN_SCHEMA_ID, readable(key).subarray(5)) }),
  },
  { what: 'a value cut short', code: 'undecodable', record: (key) => ({ key, value: readable(key).subarray(0, -3) }) },
  {
    what: 'bytes left over',
    code: 'undecodable',
    record: (key) => ({ key, value: Buffer.concat([readable(key), Buffer.of(0)]) }),
  },
  {
    what: 'a schema of something else',
    code: 'undecodable',
    record: async (key) => {
      const id = await register(`other-${randomUUID()}`, { type: 'record', name: 'Other', fields: [] });
      return { key, value: framed(id, Buffer.alloc(0)) };
    },
  },
  { what: "another company's value", code: 'key-mismatch', record: (key) => ({ key, value: readable('another') }) },
  {
    what: 'a key that is not UTF-8',
    code: 'key-mismatch',
    record: (company) => ({
      key: Buffer.concat([Buffer.of(0xc3, 0x28), Buffer.from(company)]),
      value: readable(company),
    }),
  },
  {
    what: 'more than 10,000 datasets',
    code: 'too-many-datasets',
    record: (key) =>
      platform.manifest(key, { linkId: 'huge', datasets: Array.from({ length: 10_001 }, (_, i) => `huge ${i}`) }),
  },
  {
    what: 'an id of more than 1,024 bytes',
    code: 'too-large',
    record: (key) => platform.status(key, 'é'.repeat(513), 'Complete'),
  },
  {
    what: 'a company whose announcement would have more than 6 MiB',
    code: 'too-large',
    record: (key) =>
      platform.manifest(key, {
        connectionId: 'c'.repeat(1_024),
        datasets: Array.from({ length: 9_000 }, (_, i) => `large ${i}`),
      }),
  },
];

test('every kind of bad record is kept byte for byte, in one run with records that are not', async () => {
  const sentAt = Date.now();
  const companies = spoilt.map(() => randomUUID());
  const records = await Promise.all(
    spoilt.map(async ({ record }, i): Promise<PlatformRecord> => {
      const { key, value } = await record(companies[i] as string);
      return { key, value, partition: i % deployment.partitions, timestamp: TIMESTAMP + i, headers: OWN_HEADERS };
    }),
  );
  const places = await platform.send(records);
  const after = Array.from({ length: deployment.partitions }, (_, partition) => ({ partition }));
  const others = await platform.send(after.flatMap((at) => platform.completeCompany(`other ${at.partition}`, at)));
  await consumed(deployment, [...places, ...others]);

  const letters = await committedRecords(deployment, deployment.topics.deadLetters);
  expect(letters).toHaveLength(spoilt.length);
  spoilt.forEach(({ what, code }, i) => {
    const letter = letterOf(letters, places[i] as Place);
    expect({ what, ...contentOf(letter) }).toEqual({ what, ...expectedContent(records[i] as PlatformRecord) });
    expect(addedHeaders(letter)).toEqual({
      dl_code: code,
      dl_topic: deployment.topics.events,
      dl_partition: String(places[i]?.partition),
      dl_offset: String(places[i]?.offset),
      dl_timestamp: String(TIMESTAMP + i),
    });
    expect(headerTexts(letter.headers, 'dl_message').at(-1)).toMatch(/\w/);
    expect(letter.partition).toBe(places[i]?.partition);
    if (code === 'unknown-schema') expect(letter.timestamp - sentAt).toBeGreaterThanOrEqual(DENIAL_MS);
  });
  expect(await announcedCompanies(deployment)).toEqual(after.map(({ partition }) => `other ${partition}`));
});

test('each bad record holds its own company, and no other, until it is repaired', async () => {
  const [held, namedInside] = [randomUUID(), randomUUID()];
  const at = { partition: 1 };
  const elsewhere = platform.status(namedInside, '1', 'Complete', {}, at);
  const [manifest, first, second] = (await platform.send([
    platform.manifest(held, { datasets: ['1', '2'] }, at),
    { ...at, key: held, value: Buffer.from('no avro') },
    { ...elsewhere, key: held },
  ])) as [Place, Place, Place];
  await announcedAfter([...platform.completeCompany(namedInside, at)], [namedInside]);
  await announcedAfter(
    [platform.status(held, '1', 'Complete', {}, at), platform.status(held, '2', 'Complete', {}, at)],
    [],
  );

  const repairs = (...replaced: Place[]) => ({ ...at, headers: { repairs: replaced.map(placeOf) } });
  // A wrong place lifts nothing. A repair that is bad itself lifts nothing and adds a hold.
  await announcedAfter([platform.status(held, '3', 'Queued', {}, repairs(manifest))], []);
  const [third] = (await platform.send([{ key: held, value: Buffer.of(7), ...repairs(first) }])) as [Place];
  await announcedAfter([platform.status(held, '1', 'MapError', {}, repairs(first))], []);
  await announcedAfter(
    [platform.status(held, '2', 'Complete', { trigger: 'REFRESH' }, repairs(second, third))],
    [held],
  );
});

test('records of an evolved schema are read', async () => {
  const company = randomUUID();
  const newest = newestSchema(deployment.schemasFolder, 'sync-events-value') as EventSchema;
  const id = await register(`${deployment.topics.events}-value`, evolved(newest));
  expect(id).not.toBe(platform.eventSchemaId);
  const type = avro.Type.forSchema(evolved(newest) as avro.Schema);
  const event = { eventId: 'e', companyId: company, clientId: 'c', occurredAt: 0, region: 'eu' };
  const write = (payload: object) => ({ key: company, value: framed(id, type.toBuffer({ ...event, payload })) });
  const lettersBefore = await deadLetterCodes(deployment);
  const status = { datasetId: '1', connectionId: 'x', dataType: 'invoices', status: 'Complete', trigger: 'BACKFILL' };
  await announcedAfter(
    [platform.manifest(company, { datasets: ['1'] }), write({ 'companysync.DatasetStatusChanged': status })],
    [company],
  );
  expect(await deadLetterCodes(deployment)).toEqual(lettersBefore);
});

interface EventSchema {
  readonly fields: { readonly name: string; readonly type: unknown }[];
}

/** A field more, two fields less, a symbol more. */
function evolved(newest: EventSchema): EventSchema {
  const schema = structuredClone(newest);
  const payload = schema.fields.find(({ name }) => name === 'payload') as { type: { name: string; fields: Field[] }[] };
  const status = payload.type.find(({ name }) => name === 'DatasetStatusChanged') as { fields: Field[] };
  status.fields = status.fields.filter(({ name }) => name !== 'revision' && name !== 'errorMessage');
  status.fields.find(({ name }) => name === 'trigger')?.type.symbols.push('BACKFILL');
  const region = { name: 'region', type: 'string', default: '' };
  return { ...schema, fields: [...schema.fields, region] };
}

interface Field {
  readonly name: string;
  readonly type: { readonly symbols: string[] };
}

/** Sends records, and expects that exactly these companies are announced in addition to the earlier ones. */
async function announcedAfter(records: PlatformRecord[], companies: string[]): Promise<void> {
  const before = await announcedCompanies(deployment);
  await consumed(deployment, await platform.send(records));
  expect(await announcedCompanies(deployment)).toEqual([...before, ...companies].sort());
}

function letterOf(letters: readonly TopicRecord[], { partition, offset }: Place): TopicRecord {
  const found = letters.filter(
    ({ headers }) =>
      headerTexts(headers, 'dl_partition').at(-1) === String(partition) &&
      headerTexts(headers, 'dl_offset').at(-1) === String(offset),
  );
  expect(found).toHaveLength(1);
  return found[0] as TopicRecord;
}

/** Key, value and own headers, as hex and null. */
function contentOf({ key, value, headers }: TopicRecord) {
  const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? null;
  const own = [...headers].filter(([name]) => !name.startsWith('dl_')).map(([name, values]) => [name, values.map(hex)]);
  return { key: hex(key), value: hex(value), own, earlier: headerTexts(headers, 'dl_code').slice(0, -1) };
}

function expectedContent({ key, value }: PlatformRecord) {
  const hex = (bytes: string | Buffer) => Buffer.from(bytes as string).toString('hex');
  return {
    key: key === null ? null : hex(key),
    value: value === null ? null : hex(value),
    own: [
      ['binary', ['ff00fe']],
      ['repeated', ['one', 'two', 'one'].map(hex)],
      ['empty', ['']],
    ],
    earlier: [OWN_HEADERS.dl_code],
  };
}

function addedHeaders({ headers }: TopicRecord) {
  const names = ['dl_code', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'];
  return Object.fromEntries(names.map((name) => [name, headerTexts(headers, name).at(-1)]));
}

async function register(subject: string, schema: object): Promise<number> {
  const response = await fetch(`${deployment.registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  if (!response.ok) throw new Error(`the registry refuses ${subject}: ${await response.text()}`);
  return ((await response.json()) as { id: number }).id;
}
