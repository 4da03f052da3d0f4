/** Writers with other schemas: values that resolve by the Avro specification are read, and no others. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SchemaWithReferences } from '../../../src/avro/schema.js';
import { isBadRecord, type Decoded } from '../../../src/decode/bad-record.js';
import type { LogRecord } from '../../../src/lib/record.js';
import {
  branch,
  branches,
  decodeOne,
  decoderOf,
  decodeWritten,
  eventValue,
  field,
  framed,
  notAborted,
  recordOf,
  registryOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
  varint,
  type AvroRecord,
} from './sync-events.js';
import { SCHEMAS_FOLDER } from '../../../testkit/command.js';
import { PAYLOADS } from '../../support/payloads.js';

function statusValue(changes: object = {}, eventChanges: object = {}): object {
  return eventValue({ 'companysync.DatasetStatusChanged': { ...STATUS, ...changes } }, eventChanges);
}

function payloadOf(decoded: Decoded): object {
  if (isBadRecord(decoded)) throw new Error(`bad record: ${decoded.message}`);
  return decoded.payload;
}

const READ = { kind: 'status', datasetId: 'd-1', status: 'Complete', trigger: 'LINK', revision: 5 };

function without(record: AvroRecord, name: string): void {
  record.fields = record.fields.filter((candidate) => candidate.name !== name);
}

describe('is read', () => {
  let writer: AvroRecord;
  let status: AvroRecord;

  beforeEach(() => {
    writer = syncEventSchema();
    status = branch(writer, 'DatasetStatusChanged');
  });

  test('a writer with fields that we do not have, at each level and of each kind', async () => {
    const extra = [
      { name: 'a', type: 'long' },
      { name: 'b', type: { type: 'map', values: 'double' } },
      { name: 'c', type: { type: 'array', items: ['null', 'string'] } },
      { name: 'd', type: { type: 'fixed', name: 'Fixed', size: 3 } },
      { name: 'e', type: 'bytes' },
      { name: 'f', type: 'boolean' },
    ];
    const values = { a: 2 ** 40, b: { x: 1.5 }, c: [null, 'y'], d: Buffer.alloc(3), e: Buffer.alloc(9), f: true };
    writer.fields = [...extra, ...writer.fields];
    status.fields.push({ name: 'note', type: 'string' }, { name: 'ratio', type: 'float' });

    const decoded = await decodeWritten(writer, statusValue({ note: 'n', ratio: 0.5 }, values));

    expect(payloadOf(decoded)).toEqual(READ);
  });

  test('a writer without the fields that have a default', async () => {
    for (const name of ['trigger', 'revision', 'errorMessage']) without(status, name);

    expect(payloadOf(await decodeWritten(writer, statusValue()))).toEqual({
      ...READ,
      trigger: 'UNKNOWN',
      revision: null,
    });
  });

  test('a manifest without isFinal, which then seals its link', async () => {
    without(branch(writer, 'LinkSyncQueued'), 'isFinal');
    const manifest = { linkId: 'l', connectionId: 'c', sourceType: 's', companyName: 'n', datasets: [] };

    const decoded = await decodeWritten(writer, eventValue({ 'companysync.LinkSyncQueued': manifest }));

    expect(payloadOf(decoded)).toMatchObject({ kind: 'manifest', isFinal: true });
  });

  test('a trigger that we do not know, as UNKNOWN', async () => {
    field(status, 'trigger').type = { type: 'enum', name: 'SyncTrigger', symbols: ['RESYNC', 'LINK'] };
    delete field(status, 'trigger').default;

    expect(payloadOf(await decodeWritten(writer, statusValue({ trigger: 'RESYNC' })))).toMatchObject({
      trigger: 'UNKNOWN',
    });
  });

  test.each([
    ['a plain int', 'int', 5],
    ['a plain long', 'long', 5],
    ['an int or null', ['int', 'null'], 5],
    ['always null', 'null', null],
  ])('a revision that is %s', async (_what, type, revision) => {
    status.fields = status.fields.map((f) => (f.name === 'revision' ? { name: 'revision', type } : f));

    expect(payloadOf(await decodeWritten(writer, statusValue({ revision })))).toEqual({ ...READ, revision });
  });

  test('text written as bytes', async () => {
    field(writer, 'companyId').type = 'bytes';

    expect(payloadOf(await decodeWritten(writer, statusValue({}, { companyId: Buffer.from('company-1') })))).toEqual(
      READ,
    );
  });

  test('fields and payloads in another order', async () => {
    writer.fields.reverse();
    status.fields.reverse();
    branches(writer).reverse();

    expect(payloadOf(await decodeWritten(writer, statusValue()))).toEqual(READ);
  });

  test('a writer of one kind of payload alone, not in a union', async () => {
    field(writer, 'payload').type = status;

    expect(payloadOf(await decodeWritten(writer, eventValue(STATUS)))).toEqual(READ);
  });

  test('a writer whose schema lies in a namespace of its own', async () => {
    writer.namespace = 'com.example.platform';

    const decoded = await decodeWritten(writer, eventValue({ 'com.example.platform.DatasetStatusChanged': STATUS }));

    expect(payloadOf(decoded)).toEqual(READ);
  });

  test('longs beyond 2^53, in the revision as a bigint', async () => {
    const whole = statusBytes(2n ** 63n - 1n, 2n ** 62n);

    expect(payloadOf(await decodeOne(recordOf({ value: framed(7, whole) })))).toEqual({ ...READ, revision: 2n ** 62n });
  });
});

describe('is decided by value, not by schema', () => {
  const NULLABLE = ['null', 'string'];

  describe.each<[string, string[]]>([
    ['clientId', ['SyncEvent', 'clientId']],
    ['eventId', ['SyncEvent', 'eventId']],
    ['connectionId of a status', ['DatasetStatusChanged', 'connectionId']],
    ['datasetId of a status', ['DatasetStatusChanged', 'datasetId']],
  ])('%s that may be null', (_what, [recordName = '', fieldName = '']) => {
    const writer = syncEventSchema();
    const owner = recordName === 'SyncEvent' ? writer : branch(writer, recordName);
    field(owner, fieldName).type = NULLABLE;
    const valueWith = (changes: object) =>
      recordName === 'SyncEvent' ? statusValue({}, changes) : statusValue(changes);

    test('is read if it is a text', async () => {
      expect(payloadOf(await decodeWritten(writer, valueWith({})))).toEqual(READ);
    });

    test('makes only the record unreadable in which it is null', async () => {
      expect(await decodeWritten(writer, valueWith({ [fieldName]: null }))).toMatchObject({ code: 'undecodable' });
    });
  });

  test('an event in a union with others is read, and only other records of the union are unreadable', async () => {
    const archived = {
      type: 'record',
      name: 'companysync.CompanyArchived',
      fields: [{ name: 'companyId', type: 'string' }],
    };
    const writer = [syncEventSchema(), archived] as unknown as AvroRecord;

    const event = { 'companysync.SyncEvent': statusValue() };
    expect(payloadOf(await decodeWritten(writer, event))).toEqual(READ);
    const other = { 'companysync.CompanyArchived': { companyId: 'company-1' } };
    expect(await decodeWritten(writer, other)).toMatchObject({ code: 'undecodable', heldCompanyId: 'company-1' });
  });

  test.each<[string, unknown, unknown, Buffer]>([
    ['null or text, with an empty text', NULLABLE, '', Buffer.of(0)],
    ['text or null, with null', ['string', 'null'], null, Buffer.of(2)],
    ['the largest long', 'long', 9223372036854775807n, varint(2n ** 63n - 1n)],
    ['a double that is not a number', 'double', 'NaN', Buffer.alloc(8)],
  ])("a writer's default has no effect: %s", async (_what, type, otherwise, written) => {
    const writer = syncEventSchema();
    const text = JSON.stringify(otherwise, (_key, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    writer.fields.unshift({ name: 'extra', type, default: JSON.parse(text) as unknown });
    const value = framed(8, Buffer.concat([written, statusBytes(0n, 5n)]));

    expect(payloadOf(await decodeOne(recordOf({ value }), { 8: writer }))).toEqual(READ);
  });

  test.each(['constructor', '__proto__', 'hasOwnProperty', 'toString', 'a-b c'])(
    "a writer's field may be called %s",
    async (name) => {
      const writer = syncEventSchema();
      writer.fields.unshift({ name, type: 'string' });
      const value = framed(8, Buffer.concat([Buffer.of(2, 0x61), statusBytes(0n, 5n)]));

      expect(payloadOf(await decodeOne(recordOf({ value }), { 8: writer }))).toEqual(READ);
    },
  );

  test('payloads that are registered as subjects of their own', async () => {
    const writer = syncEventSchema();
    const payloads = branches(writer).map((payload) => ({ ...payload, namespace: 'companysync' }));
    field(writer, 'payload').type = payloads.map(({ name }) => `companysync.${name}`);
    const value = framed(8, statusBytes(0n, 5n));
    const schema = new SchemaWithReferences(payloads, writer);

    expect(payloadOf(await decodeOne(recordOf({ value }), { 8: schema }))).toEqual(READ);
  });
});

/** A status in our own schema, with longs that avsc cannot write. */
function statusBytes(occurredAt: bigint, revision: bigint): Buffer {
  const text = (s: string) => Buffer.concat([varint(BigInt(s.length)), Buffer.from(s)]);
  const envelope = [text('e-1'), text('company-1'), text('client-1'), varint(occurredAt), varint(1n)];
  const status = [text('d-1'), text('connection-1'), text('invoices'), text('Complete'), varint(0n)];
  return Buffer.concat([...envelope, ...status, varint(1n), varint(revision), varint(0n)]);
}

describe.each(versionsBeforeTheNewest())('this release and one whose schema is v%i', (version) => {
  const older = branches(syncEventSchema(version)).map(({ name }) => name);
  const values = Object.entries(PAYLOADS).map(([type, { writtenByFastavro }]) => ({
    type,
    record: recordOf({ value: framed(SCHEMA_ID, Buffer.from(writtenByFastavro, 'hex')) }),
  }));

  function read(record: LogRecord, reader: AvroRecord, writer: AvroRecord): Promise<Decoded[]> {
    return decoderOf(registryOf({ [SCHEMA_ID]: writer }), SCHEMA_ID, reader)
      .begin([record], 'a test')
      .all(notAborted());
  }

  test('this release reads what the platform writes with the older schema', async () => {
    for (const { type, record } of values) {
      if (!older.includes(type)) continue; // which that schema cannot write
      const [decoded] = await read(record, syncEventSchema(), syncEventSchema(version));
      expect([type, decoded]).toEqual([type, expect.objectContaining({ companyId: 'company-1' })]);
    }
  });

  test('the older release sets the payloads aside that it does not know, and reads all others', async () => {
    for (const { type, record } of values) {
      const [decoded] = await read(record, syncEventSchema(version), syncEventSchema());
      const setAside = { code: 'undecodable', heldCompanyId: 'company-1' };
      expect([type, decoded]).toMatchObject([type, older.includes(type) ? { companyId: 'company-1' } : setAside]);
    }
  });
});

function versionsBeforeTheNewest(): number[] {
  const { length } = readdirSync(join(SCHEMAS_FOLDER, 'sync-events-value'));
  return Array.from({ length: length - 1 }, (_, i) => i + 1);
}

describe('makes only its own records unreadable', () => {
  const NEW_KIND = {
    type: 'record',
    name: 'CompanyRenamed',
    fields: [
      { name: 'companyName', type: 'string' },
      { name: 'at', type: 'long' },
    ],
  };

  test.each([
    ['a record of another name', NEW_KIND, { 'companysync.CompanyRenamed': { companyName: 'n', at: 2 ** 45 } }],
    ['a record without fields', { ...NEW_KIND, fields: [] }, { 'companysync.CompanyRenamed': {} }],
    ['null', 'null', null],
    ['text', 'string', { string: 'renamed' }],
    ['a map', { type: 'map', values: 'int' }, { map: { a: 1 } }],
  ])('a payload that we do not know: %s', async (_what, type, value) => {
    const writer = syncEventSchema();
    branches(writer).push(type as AvroRecord);

    const unknown = await decodeWritten(writer, eventValue(value as object));
    expect(unknown).toMatchObject({ code: 'undecodable', heldCompanyId: 'company-1' });
    expect(unknown).toHaveProperty('message', expect.stringContaining('a kind unknown to this version'));
    expect(payloadOf(await decodeWritten(writer, statusValue()))).toEqual(READ);
  });

  test('a payload of a known name without a field that it needs, even one that is not used', async () => {
    const writer = syncEventSchema();
    without(branch(writer, 'DatasetStatusChanged'), 'dataType');

    expect(await decodeWritten(writer, statusValue())).toMatchObject({ code: 'undecodable' });
    expect(
      payloadOf(await decodeWritten(writer, eventValue({ 'companysync.ConnectionUnlinked': { connectionId: 'c' } }))),
    ).toEqual({ kind: 'unlinked', connectionId: 'c' });
  });

  test('beside one, a revision beyond 2^53 is still read', async () => {
    const writer = syncEventSchema();
    branches(writer).push(NEW_KIND as AvroRecord);
    const value = framed(8, statusBytes(2n ** 60n, 2n ** 62n));

    expect(payloadOf(await decodeOne(recordOf({ value }), { 8: writer }))).toMatchObject({ revision: 2n ** 62n });
  });
});

describe('does not resolve', () => {
  test.each<[string, (writer: AvroRecord) => void, object]>([
    ['another record', (writer) => (writer.name = 'OtherEvent'), statusValue()],
    ['a writer without a field that has no default', (writer) => without(writer, 'clientId'), statusValue()],
    ['a writer without a field that is not used', (writer) => without(writer, 'eventId'), statusValue()],
    ['another type', (writer) => (field(writer, 'clientId').type = 'int'), statusValue({}, { clientId: 3 })],
  ])('%s', async (_what, change, value) => {
    const writer = syncEventSchema();
    change(writer);

    expect(await decodeWritten(writer, value)).toMatchObject({ code: 'undecodable' });
  });

  test('a schema that is no record', async () => {
    const value = framed(8, Buffer.from([2, 0x61]));

    expect(await decodeOne(recordOf({ value }), { 8: { type: 'string' } })).toMatchObject({ code: 'undecodable' });
  });
});
