/** Hostile values: in avsc, each of these looped permanently or took gigabytes of memory. */
import avro from 'avsc';
import { isBadRecord } from '../../../src/decode/bad-record.js';
import {
  branches,
  decodeOne,
  eventValue,
  framed,
  recordOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
  varint,
} from './sync-events.js';

const writer = avro.Type.forSchema(syncEventSchema() as unknown as avro.Schema);
const MANIFEST = {
  linkId: '',
  connectionId: '',
  sourceType: '',
  companyName: '',
  datasets: [],
  isFinal: true,
};

/** The bytes of a manifest before its array of datasets. */
const beforeDatasets = writer.toBuffer(eventValue({ 'companysync.LinkSyncQueued': MANIFEST })).subarray(0, -2);

async function whyUndecodable(bytes: Buffer, schema?: object): Promise<string> {
  const id = schema === undefined ? SCHEMA_ID : 8;
  const decoded = await decodeOne(recordOf({ value: framed(id, bytes) }), schema === undefined ? {} : { 8: schema });
  return isBadRecord(decoded) && decoded.code === 'undecodable' ? decoded.message : 'not undecodable';
}

test.each([30_000_000n, 2n ** 31n, 2n ** 50n, 2n ** 62n, -(2n ** 31n), -(2n ** 62n)])(
  'an array that claims %d items in a short value is refused before any is read',
  async (count) => {
    const value = Buffer.concat([beforeDatasets, varint(count), Buffer.alloc(4)]);

    expect(await whyUndecodable(value)).toContain('does not fit the value');
  },
);

test('an array that claims a few items too many is truncated', async () => {
  expect(await whyUndecodable(Buffer.concat([beforeDatasets, varint(3n), Buffer.alloc(4)]))).toContain('truncated');
});

test('a string of negative length is refused', async () => {
  expect(await whyUndecodable(Buffer.concat([beforeDatasets, varint(1n), varint(-4n)]))).toContain('negative');
});

test('a number that does not end is refused', async () => {
  expect(await whyUndecodable(Buffer.alloc(20, 0xff))).toContain('more than 10 bytes');
});

describe('in a field that is skipped over', () => {
  function withExtraArray(items: unknown): object {
    const schema = syncEventSchema();
    schema.fields.unshift({ name: 'extra', type: { type: 'array', items } });
    return schema;
  }

  test.each([
    ['negative, and leads back to its own start', -2n],
    ['beyond the end', 2n ** 40n],
    ['too small', 1n],
  ])('the stated size of a block that is %s is not used', async (_what, size) => {
    const array = Buffer.concat([varint(-1n), varint(size), varint(1n), Buffer.from('x'), varint(0n)]);
    const event = writer.toBuffer(eventValue({ 'companysync.CompanyDeleted': {} }));

    expect(await whyUndecodable(Buffer.concat([array, event]), withExtraArray('string'))).toBe('not undecodable');
  });

  test('an array of countless items that take no bytes is refused', async () => {
    expect(await whyUndecodable(varint(2n ** 50n), withExtraArray('null'))).toContain('does not fit the value');
  });
});

test('a value of endless depth is refused', async () => {
  const schema = syncEventSchema();
  const list = { type: 'record', name: 'List', fields: [{ name: 'next', type: ['null', 'List'] }] };
  schema.fields.unshift({ name: 'extra', type: list });

  expect(await whyUndecodable(Buffer.alloc(500_000, 0x02), schema)).not.toBe('not undecodable');
});

test('indices of a union or an enum that are not there are refused', async () => {
  const head = writer.toBuffer(eventValue({ 'companysync.CompanyDeleted': {} })).subarray(0, -1);
  const beyond = BigInt(branches(syncEventSchema()).length);

  expect(await whyUndecodable(Buffer.concat([head, varint(beyond)]))).toContain('index');
  expect(await whyUndecodable(Buffer.concat([head, varint(-1n)]))).toContain('index');
});

const LINKED = { ...MANIFEST, linkId: 'l', connectionId: 'c', datasets: [{ datasetId: 'd', dataType: 't' }] };

const written = (payload: object, id: string, bytes = Buffer.from(id)) => {
  const value = writer.toBuffer(eventValue(payload));
  value.set(bytes, value.indexOf(id));
  return value;
};

test.each<[string, (id: string) => object]>([
  ['datasetId of a status', (datasetId) => ({ 'companysync.DatasetStatusChanged': { ...STATUS, datasetId } })],
  ['linkId', (linkId) => ({ 'companysync.LinkSyncQueued': { ...LINKED, linkId } })],
  ['connectionId of a link', (connectionId) => ({ 'companysync.LinkSyncQueued': { ...LINKED, connectionId } })],
  [
    'datasetId of a link',
    (datasetId) => ({ 'companysync.LinkSyncQueued': { ...LINKED, datasets: [{ datasetId, dataType: 't' }] } }),
  ],
  ['connectionId of an unlinking', (connectionId) => ({ 'companysync.ConnectionUnlinked': { connectionId } })],
])('a %s that is not UTF-8 is undecodable, because different ids would become equal', async (_what, payloadWith) => {
  for (const long of ['', '-'.repeat(40)]) {
    const id = `${long}caf_`;
    const notUtf8 = written(payloadWith(id), id, Buffer.from(`${long}caf\xe9`, 'latin1'));
    expect(await whyUndecodable(notUtf8)).toContain('an id is not UTF-8');
    for (const good of [`${long}café`, `${long}caf\uFFFD`])
      expect(await whyUndecodable(written(payloadWith(good), good))).toBe('not undecodable');
  }
});

test.each<[string, object]>([
  ['connectionId of a status', { ...STATUS, connectionId: 'caf_' }],
  ['dataType of a status', { ...STATUS, dataType: 'caf_' }],
  ['errorMessage of a status', { ...STATUS, errorMessage: 'caf_' }],
])(
  'a %s that is not UTF-8 does not make a record undecodable, because the field is not used',
  async (_what, status) => {
    const payload = { 'companysync.DatasetStatusChanged': status };
    expect(await whyUndecodable(written(payload, 'caf_', Buffer.from('caf\xe9', 'latin1')))).toBe('not undecodable');
  },
);
