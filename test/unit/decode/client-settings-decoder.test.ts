import avro from 'avsc';
import { ClientSettingsDecoder, ClientSettingsSchema } from '../../../src/decode/client-settings-decoder.js';
import { SchemaResolution } from '../../../src/decode/schema-resolution.js';
import { RegistryUnavailableError, type SchemaSource } from '../../../src/decode/schema-source.js';
import {
  clientSettingsSchema,
  field,
  framed,
  notAborted,
  registryOf,
  SCHEMA_ID,
  type AvroRecord,
} from './sync-events.js';
import { SteppedClock } from '../../support/clocks.js';
import { schemaSource } from '../../../testkit/schema-source.js';

/** Written by fastavro 1.x from schemas/client-settings-value/v1.avsc. */
const WRITTEN_BY_FASTAVRO = Buffer.from('10636c69656e742d3102', 'hex');
const GOOD = framed(SCHEMA_ID, WRITTEN_BY_FASTAVRO);

function decoderOf(source: SchemaSource): ClientSettingsDecoder {
  const schema = new ClientSettingsSchema(clientSettingsSchema());
  const compile = (registered: object) => schema.compile(registered);
  const clock = new SteppedClock();
  return new ClientSettingsDecoder(new SchemaResolution({ source, clock, compile, knownId: SCHEMA_ID }));
}

async function decode(value: Buffer, schemas: Readonly<Record<number, object>> = {}) {
  const decoder = decoderOf(registryOf({ [SCHEMA_ID]: clientSettingsSchema(), ...schemas }));
  const [decoded] = await decoder.decodeBatch([value], notAborted());
  return decoded;
}

function written(writer: AvroRecord, value: object): Buffer {
  return framed(8, avro.Type.forSchema(writer as unknown as avro.Schema).toBuffer(value));
}

test('a setting written by another Avro implementation is read', async () => {
  expect(await decode(GOOD)).toEqual({ kind: 'setting', clientId: 'client-1', policy: 'ALL_DATASETS' });
});

test.each([
  ['a value that is not framed', Buffer.from([1, 2, 3])],
  ['a truncated value', GOOD.subarray(0, -1)],
  ['bytes left over', Buffer.concat([GOOD, Buffer.of(0)])],
])('%s is reported', async (_what, value) => {
  expect(await decode(value)).toEqual({ kind: 'unreadable', why: expect.any(String) as string });
});

test('a schema that the registry does not have is reported as that', async () => {
  const why = 'the schema registry has no schema 99';
  expect(await decode(framed(99, WRITTEN_BY_FASTAVRO))).toEqual({ kind: 'unknown-schema', why });
});

test('a clientId that is not UTF-8 is reported: it would become the text of another client', async () => {
  const setting = { clientId: 'ab\uFFFD', synchronizedTrigger: 'ALL_DATASETS' };
  const value = written(clientSettingsSchema(), setting);
  expect(await decode(value, { 8: clientSettingsSchema() })).toMatchObject({ kind: 'setting', clientId: 'ab\uFFFD' });
  const at = value.indexOf('ab');
  value[at - 1] = 3 * 2;
  const notUtf8 = Buffer.concat([value.subarray(0, at + 2), Buffer.of(0xff), value.subarray(at + 5)]);
  expect(await decode(notUtf8, { 8: clientSettingsSchema() })).toMatchObject({ kind: 'unreadable' });
});

test('a schema that does not resolve is reported', async () => {
  expect(await decode(framed(8, WRITTEN_BY_FASTAVRO), { 8: { type: 'string' } })).toMatchObject({ kind: 'unreadable' });
});

test('a reason with a name of any length is cut', async () => {
  const schema = { type: 'record', name: 'n'.repeat(50_000), fields: [{ name: 'clientId', type: 'int' }] };
  const decoded = await decode(framed(8, WRITTEN_BY_FASTAVRO), { 8: schema });
  expect(decoded).toEqual({ kind: 'unreadable', why: expect.stringContaining('nnn') as string });
  expect(JSON.stringify(decoded).length).toBeLessThan(500);
});

test('an unknown choice is reported, and the known choices of its schema are read', async () => {
  const writer = clientSettingsSchema();
  const symbols = ['NEVER', 'FIRST_DATASET', 'ALL_DATASETS'];
  field(writer, 'synchronizedTrigger').type = { type: 'enum', name: 'SynchronizedTrigger', symbols };
  const choice = (synchronizedTrigger: string) => written(writer, { clientId: 'client-1', synchronizedTrigger });

  expect(await decode(choice('NEVER'), { 8: writer })).toMatchObject({ kind: 'unreadable' });
  expect(await decode(choice('FIRST_DATASET'), { 8: writer })).toMatchObject({ policy: 'FIRST_DATASET' });
});

test('a nullable client id is read if it is a text, also in a union with other records', async () => {
  const writer = clientSettingsSchema();
  field(writer, 'clientId').type = ['null', 'string'];
  const other = { type: 'record', name: 'companysync.Other', fields: [] };
  const union = [other, writer] as unknown as AvroRecord;
  const setting = (clientId: string | null) => ({
    'companysync.ClientSettings': { clientId, synchronizedTrigger: 'ALL_DATASETS' },
  });

  expect(await decode(written(union, setting('client-1')), { 8: union })).toMatchObject({ policy: 'ALL_DATASETS' });
  expect(await decode(written(union, setting(null)), { 8: union })).toMatchObject({ kind: 'unreadable' });
  expect(await decode(written(union, { 'companysync.Other': {} }), { 8: union })).toMatchObject({ kind: 'unreadable' });
});

test('an unreadable setting does not affect others', async () => {
  const decoder = decoderOf(registryOf({ [SCHEMA_ID]: clientSettingsSchema() }));

  const decoded = await decoder.decodeBatch([GOOD, Buffer.alloc(2), GOOD], notAborted());

  expect(decoded.map(({ kind }) => kind)).toEqual(['setting', 'unreadable', 'setting']);
});

test('an outage of the registry is an error and makes nothing unreadable', async () => {
  const outage = new RegistryUnavailableError('connection refused');

  await expect(decoderOf(schemaSource(() => Promise.reject(outage))).decodeBatch([GOOD], notAborted())).rejects.toBe(
    outage,
  );
});

test('a clientId of 1,024 bytes is read; a longer one is reported, and not quoted', async () => {
  const writer = clientSettingsSchema();
  const setting = (clientId: string) => written(writer, { clientId, synchronizedTrigger: 'ALL_DATASETS' });
  const [longest, tooLong] = ['é'.repeat(512), 'é'.repeat(513)];
  expect(await decode(setting(longest), { 8: writer })).toMatchObject({ kind: 'setting', clientId: longest });
  const why = 'its clientId has 1026 bytes, and at most 1024 are allowed';
  expect(await decode(setting(tooLong), { 8: writer })).toEqual({ kind: 'unreadable', why });
});

test('many unknown ids are decided although requests fail now and then, if the same values are decoded again', async () => {
  let requests = 0;
  const decoder = decoderOf(
    schemaSource((id) => {
      if (++requests % 50 === 0) return Promise.reject(new RegistryUnavailableError('429', { retryAfterMs: 1 }));
      return Promise.resolve(id === SCHEMA_ID ? clientSettingsSchema() : null);
    }),
  );
  const values = Array.from({ length: 500 }, (_, i) => framed(1_000 + i, WRITTEN_BY_FASTAVRO));
  for (let attempts = 0; attempts < 100; attempts++) {
    const decoded = await decoder.decodeBatch(values, notAborted()).catch(() => null);
    if (decoded === null) continue;
    expect(decoded).toHaveLength(500);
    expect(decoded[0]).toMatchObject({ kind: 'unknown-schema' });
    expect(requests).toBeLessThan(3_000);
    return;
  }
  throw new Error('not decided');
});

test('if decoding is tried again, schemas that are too large to be kept together are not requested again', async () => {
  const asked: number[] = [];
  let isDown = true;
  const large = { ...clientSettingsSchema(), doc: 'x'.repeat(900_000) };
  const decoder = decoderOf(
    schemaSource((id) => {
      asked.push(id);
      return isDown && id === 80 ? Promise.reject(new RegistryUnavailableError('down')) : Promise.resolve(large);
    }),
  );
  const values = [90, 91, 92, 80].map((id) => framed(id, WRITTEN_BY_FASTAVRO));
  const attempt = () => decoder.decodeBatch(values, notAborted());
  await expect(attempt()).rejects.toThrow(RegistryUnavailableError);
  isDown = false;
  expect(await attempt()).toHaveLength(4);
  expect(asked.filter((id) => id >= 90)).toEqual([90, 91, 92]);
});
