/** The limits of one record, tested at both sides of each limit. They are checked when the record is decoded. */
import avro from 'avsc';
import { isBadRecord } from '../../../src/decode/bad-record.js';
import { exceedsRecordLimits } from '../../../src/decode/payload.js';
import type { ReferencePayload } from '../../../testkit/reference-model.js';
import { longestKeyIn } from '../../support/longest-key.js';
import { avroPayload, PAYLOADS, type PayloadType } from '../../support/payloads.js';
import {
  COMPANY,
  decodeOne,
  eventValue,
  framed,
  header,
  recordOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
  type AvroRecord,
} from './sync-events.js';

const writer = avro.Type.forSchema(syncEventSchema() as unknown as avro.Schema);

const MANIFEST = {
  linkId: 'l',
  connectionId: 'c',
  sourceType: 's',
  companyName: 'n',
  datasets: [{ datasetId: 'd', dataType: 't' }],
  isFinal: true,
};

function codeOf(payload: object, event: object = {}, key = COMPANY): Promise<string> {
  return codeOfEvent(eventValue(payload, event), key);
}

async function codeOfEvent(event: object, key = COMPANY): Promise<string> {
  const value = framed(SCHEMA_ID, writer.toBuffer(event));
  const decoded = await decodeOne(recordOf({ value, key: Buffer.from(key) }));
  return isBadRecord(decoded) ? `${decoded.code} of ${decoded.heldCompanyId ?? 'nobody'}` : 'event';
}

const manifest = (changes: object) => codeOf({ 'companysync.LinkSyncQueued': { ...MANIFEST, ...changes } });
const status = (changes: object) => codeOf({ 'companysync.DatasetStatusChanged': { ...STATUS, ...changes } });

/** Fields whose texts the processor does not store; companyId has its own test. */
const NOT_LIMITED = ['eventId', 'companyId', 'errorMessage', 'by'];

/** Every limited text of the schema, and the code that decodes an event with another text in its place. */
const FIELDS = Object.keys(PAYLOADS).flatMap((type): [field: string, codeWith: (text: string) => Promise<string>][] => {
  const payload = { ...PAYLOADS[type as PayloadType].read, type, revision: 5 } as unknown as ReferencePayload;
  const event = eventValue(avroPayload(payload));
  return textsIn(syncEventSchema(), `companysync.${type}`).map((path) => [
    `${type}: ${path.join('.')}`,
    (text) => {
      const changed = structuredClone(event);
      const holder = path.slice(0, -1).reduce((at, name) => at[name] as Fields, changed as Fields);
      holder[path.at(-1) as string] = text;
      return codeOfEvent(changed);
    },
  ]);
});

type Fields = Record<string, unknown>;

/** The paths of the texts in an event that has this payload, the first entry of each array. */
function textsIn({ fields }: AvroRecord, payload: string): string[][] {
  return fields
    .filter(({ name }) => !NOT_LIMITED.includes(name))
    .flatMap(({ name, type }) => {
      const branch =
        name === 'payload' ? (type as AvroRecord[]).find((one) => `companysync.${one.name}` === payload) : null;
      if (branch) return textsIn(branch, '').map((path) => [name, payload, ...path]);
      const { items } = type as { readonly items?: AvroRecord };
      if (items !== undefined) return textsIn(items, '').map((path) => [name, '0', ...path]);
      return type === 'string' || (Array.isArray(type) && type.includes('string')) ? [[name]] : [];
    });
}

test('the tested fields include texts of each event, also inside arrays', () => {
  expect(FIELDS.map(([field]) => field)).toEqual(
    expect.arrayContaining([
      'CompanyDeleted: clientId',
      'LinkSyncQueued: payload.companysync.LinkSyncQueued.datasets.0.dataType',
      'DatasetStatusChanged: payload.companysync.DatasetStatusChanged.status',
    ]),
  );
});

test.each(FIELDS)('%s: 1,024 bytes of UTF-8 are read, and 1,025 are too large', async (_, codeWith) => {
  const held = `too-large of ${COMPANY}`;
  expect(await Promise.all([codeWith('a'.repeat(1_024)), codeWith('a'.repeat(1_025))])).toEqual(['event', held]);
  // Two bytes a character; three; and four, which are two UTF-16 units.
  expect(await Promise.all([codeWith('é'.repeat(512)), codeWith(`${'é'.repeat(512)}a`)])).toEqual(['event', held]);
  expect(await Promise.all([codeWith('a' + '€'.repeat(341)), codeWith('€'.repeat(342))])).toEqual(['event', held]);
  expect(await Promise.all([codeWith('😀'.repeat(256)), codeWith(`${'😀'.repeat(256)}a`)])).toEqual(['event', held]);
});

test('a text that is not stored may have any length', async () => {
  const long = 'long '.repeat(10_000);
  expect(await status({ errorMessage: long })).toBe('event');
  expect(await codeOf({ 'companysync.AnnouncedElsewhere': { by: long } })).toBe('event');
  expect(await codeOf({ 'companysync.CompanyDeleted': {} }, { eventId: long })).toBe('event');
});

test('a companyId of 1,024 bytes is read; a longer one holds no company, because no company can have it', async () => {
  const codeOfCompany = (companyId: string) => codeOf({ 'companysync.CompanyDeleted': {} }, { companyId }, companyId);
  expect(await codeOfCompany('é'.repeat(512))).toBe('event');
  expect(await codeOfCompany('é'.repeat(512) + 'a')).toBe('too-large of nobody');
});

test.each([null, Buffer.from('nonsense'), framed(SCHEMA_ID, Buffer.of(1))])(
  'a key that no company can have holds no company, whatever the fault of its value (%j)',
  async (value) => {
    const decoded = await decodeOne(recordOf({ value, key: Buffer.alloc(1_000_000, 'k') }));
    expect(decoded).toMatchObject({ heldCompanyId: null });
  },
);

test('a manifest may name 10,000 different datasets; one more is `too-many-datasets`, also if its id is too long', async () => {
  const datasets = Array.from({ length: 10_000 }, (_, i) => ({ datasetId: `d${i}`, dataType: 't' }));
  expect(await manifest({ datasets: [...datasets, ...datasets.slice(0, 5)] })).toBe('event');
  const more = [...datasets, { datasetId: 'x'.repeat(1_025), dataType: 't' }];
  expect(await manifest({ datasets: more })).toBe(`too-many-datasets of ${COMPANY}`);
});

test('long ids are counted, but none of them becomes a key', () => {
  const ids = Array.from({ length: 10_001 }, (_, i) => `${'d'.repeat(1_020)}${String(i).padStart(5, '0')}`);
  const codeWith = (count: number) => {
    const datasets = ids.map((_, i) => ({ datasetId: ids[i % count] as string, dataType: 't' }));
    const payload = { ...MANIFEST, kind: 'manifest' as const, datasets };
    return exceedsRecordLimits({ companyId: COMPANY, clientId: 'c', payload })?.code;
  };
  const codes: unknown[] = [];
  expect(longestKeyIn(() => codes.push(codeWith(10_000), codeWith(10_001)))).toBeLessThanOrEqual(1_024);
  expect(codes).toEqual(['too-large', 'too-many-datasets']);
});

test('10,000 repairs headers are read, and more are too large, because each names a hold to load', async () => {
  const codeWith = async (repairs: number) => {
    const others = [header('traceparent', 'x'), header('repairs', null)];
    const headers = [...others, ...Array.from({ length: repairs }, (_, i) => header('repairs', `0/${i}`))];
    const decoded = await decodeOne(recordOf({ headers }));
    return isBadRecord(decoded) ? `${decoded.code} of ${decoded.heldCompanyId ?? 'nobody'}` : decoded.repairs.length;
  };
  expect(await codeWith(10_000)).toBe(10_000);
  expect(await codeWith(10_001)).toBe(`too-large of ${COMPANY}`);
});

test('a repairs header that is longer than any id names nothing', async () => {
  const headers = [header('repairs', '0/1'), header('repairs', 'x'.repeat(1_025))];
  expect(await decodeOne(recordOf({ headers }))).toMatchObject({ repairs: ['0/1'] });
});
