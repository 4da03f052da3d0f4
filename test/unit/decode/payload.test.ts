/** Each branch of the schema is read as its own payload. If one was read as another, companies could be silenced. */
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import { isBadRecord } from '../../../src/decode/bad-record.js';
import { RECORD_NAMES } from '../../../src/decode/payload.js';
import { PAYLOADS, writtenByFastavro, type PayloadType } from '../../support/payloads.js';
import { branches, decodeOne, field, framed, recordOf, SCHEMA_ID, syncEventSchema } from './sync-events.js';

/** Bytes before the branch: eventId, companyId, clientId and occurredAt. */
const PAYLOAD_AT = 29;

test('each branch of the schema is read as its own payload', async () => {
  const kinds: Record<string, string> = {};
  for (const type of Object.keys(PAYLOADS) as PayloadType[]) {
    const value = writtenByFastavro(type);
    const decoded = await decodeOne(recordOf({ value: framed(SCHEMA_ID, value) }));
    if (isBadRecord(decoded)) throw new Error(decoded.message);
    expect(branches(syncEventSchema())[value.readUInt8(PAYLOAD_AT) / 2]?.name).toBe(type);
    kinds[decoded.payload.kind] = type;
  }
  expect(kinds).toEqual(RECORD_NAMES);
  expect(Object.values(kinds).sort()).toEqual(
    branches(syncEventSchema())
      .map(({ name }) => name)
      .sort(),
  );
});

test('a branch that the code does not know is refused at the start', () => {
  const schema = syncEventSchema();
  branches(schema).push({ type: 'record', name: 'CompanyArchived', fields: [] });
  expect(() => new SyncEventSchema(schema)).toThrow(
    'record companysync.CompanyArchived has no shape, so it cannot be read',
  );
});

test('a field that the code uses and the schema lacks is refused at the start', () => {
  const schema = syncEventSchema();
  field(schema, 'clientId').name = 'client';
  expect(() => new SyncEventSchema(schema)).toThrow('record companysync.SyncEvent has no field clientId');
});
