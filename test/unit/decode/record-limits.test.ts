/** What one record may have, at both sides of each limit: checked when it is decoded. */
import avro from 'avsc';
import { isPoison } from '../../../src/decode/poison.js';
import { COMPANY, decodeOne, eventValue, framed, recordOf, SCHEMA_ID, STATUS, syncEventSchema } from './sync-events.js';

const writer = avro.Type.forSchema(syncEventSchema() as unknown as avro.Schema);

const MANIFEST = {
  linkId: 'l',
  connectionId: 'c',
  sourceType: 's',
  companyName: 'n',
  datasets: [{ datasetId: 'd', dataType: 't' }],
  isFinal: true,
};

async function codeOf(payload: object, event: object = {}, key = COMPANY): Promise<string> {
  const value = framed(SCHEMA_ID, writer.toBuffer(eventValue(payload, event)));
  const decoded = await decodeOne(recordOf({ value, key: Buffer.from(key) }));
  return isPoison(decoded) ? `${decoded.code} of ${decoded.heldCompanyId ?? 'nobody'}` : 'event';
}

const manifest = (changes: object) => codeOf({ 'companysync.LinkSyncQueued': { ...MANIFEST, ...changes } });
const dataset = (changes: object) => manifest({ datasets: [{ ...MANIFEST.datasets[0], ...changes }] });
const status = (changes: object) => codeOf({ 'companysync.DatasetStatusChanged': { ...STATUS, ...changes } });
const unlinked = (connectionId: string) => codeOf({ 'companysync.ConnectionUnlinked': { connectionId } });
const deletedBy = (clientId: string) => codeOf({ 'companysync.CompanyDeleted': {} }, { clientId });

const FIELDS: readonly [field: string, (text: string) => Promise<string>][] = [
  ['clientId', deletedBy],
  ['linkId', (linkId) => manifest({ linkId })],
  ['connectionId of a manifest', (connectionId) => manifest({ connectionId })],
  ['sourceType', (sourceType) => manifest({ sourceType })],
  ['companyName', (companyName) => manifest({ companyName })],
  ['datasetId of a manifest', (datasetId) => dataset({ datasetId })],
  ['dataType of a manifest', (dataType) => dataset({ dataType })],
  ['datasetId of a status', (datasetId) => status({ datasetId })],
  ['connectionId of a status', (connectionId) => status({ connectionId })],
  ['dataType of a status', (dataType) => status({ dataType })],
  ['status', (word) => status({ status: word })],
  ['connectionId of an unlinking', unlinked],
];

test.each(FIELDS)('%s: 1,024 bytes of UTF-8 are read, and 1,025 are too large', async (_, codeWith) => {
  const held = `too-large of ${COMPANY}`;
  expect(await Promise.all([codeWith('a'.repeat(1_024)), codeWith('a'.repeat(1_025))])).toEqual(['event', held]);
  // Two bytes a character; three; and four, which are two UTF-16 units.
  expect(await Promise.all([codeWith('é'.repeat(512)), codeWith(`${'é'.repeat(512)}a`)])).toEqual(['event', held]);
  expect(await Promise.all([codeWith('a' + '€'.repeat(341)), codeWith('€'.repeat(342))])).toEqual(['event', held]);
  expect(await Promise.all([codeWith('😀'.repeat(256)), codeWith(`${'😀'.repeat(256)}a`)])).toEqual(['event', held]);
});

test('what is not kept may have any length', async () => {
  const long = 'long '.repeat(10_000);
  expect(await status({ errorMessage: long })).toBe('event');
  expect(await codeOf({ 'companysync.AnnouncedElsewhere': { by: long } })).toBe('event');
  expect(await codeOf({ 'companysync.CompanyDeleted': {} }, { eventId: long })).toBe('event');
});

test('a companyId of 1,024 bytes is read; a longer one holds nobody, because no company can have it', async () => {
  const codeOfCompany = (companyId: string) => codeOf({ 'companysync.CompanyDeleted': {} }, { companyId }, companyId);
  expect(await codeOfCompany('é'.repeat(512))).toBe('event');
  expect(await codeOfCompany('é'.repeat(512) + 'a')).toBe('too-large of nobody');
});

test.each([null, Buffer.from('nonsense'), framed(SCHEMA_ID, Buffer.of(1))])(
  'a key that no company can have holds nobody whatever is wrong with its value (%j)',
  async (value) => {
    const decoded = await decodeOne(recordOf({ value, key: Buffer.alloc(1_000_000, 'k') }));
    expect(decoded).toMatchObject({ heldCompanyId: null });
  },
);

test('10,000 datasets in one manifest are read, repeated ones aside, and more are too many, long or not', async () => {
  const datasets = Array.from({ length: 10_000 }, (_, i) => ({ datasetId: `d${i}`, dataType: 't' }));
  expect(await manifest({ datasets: [...datasets, ...datasets.slice(0, 5)] })).toBe('event');
  const more = [...datasets, { datasetId: 'x'.repeat(1_025), dataType: 't' }];
  expect(await manifest({ datasets: more })).toBe(`too-many-datasets of ${COMPANY}`);
});
