import { join } from 'node:path';
import avro from 'avsc';
import { loadEventTypes } from '../../../src/publish/event-types.js';
import { CompanySynchronizedRecords } from '../../../src/publish/company-synchronized.js';
import type { Announcement } from '../../../src/domain/announcement.js';
import type { Header, LogRecord, RecordToWrite } from '../../../src/lib/record.js';

const schemasFolder = join(__dirname, '..', '..', '..', 'schemas');
const SCHEMA_ID = 0x01020304;
const INPUT = { topic: 'sync-events', partition: 3 };

const ANNOUNCEMENT: Announcement = {
  companyId: 'company-1',
  clientId: 'client-1',
  companyName: 'Zoë & Söhne',
  synchronizedAt: 1_700_000_000_000,
  policy: 'ALL_DATASETS',
  connections: [{ connectionId: 'connection-1', sourceType: 'Accounting' }],
  datasets: [
    {
      datasetId: 'd-1',
      dataType: 'invoices',
      connectionId: 'connection-1',
      status: 'Complete',
      decidedAtOffset: 41,
    },
    {
      datasetId: 'd-2',
      dataType: 'bankAccounts',
      connectionId: 'connection-1',
      status: 'Cancelled',
      decidedAtOffset: 5_000_000_000,
    },
  ],
  succeeded: 1,
  failed: 0,
  ended: 1,
  offset: 5_000_000_000,
  linkedAt: 1_699_999_000_000,
  late: false,
};

/** `ANNOUNCEMENT` written by fastavro 1.x from schemas/company-synchronized-value/v2.avsc. */
const WRITTEN_BY_FASTAVRO =
  '4837346236643163622d356535302d353737342d396638652d61393330323937366466633212636f6d70616e792d3110636c69656e742d311a5a6f' +
  'c3ab20262053c3b6686e6580a0abfef962020218636f6e6e656374696f6e2d31144163636f756e74696e67000406642d3110696e766f6963657318' +
  '636f6e6e656374696f6e2d3110436f6d706c6574655206642d321862616e6b4163636f756e747318636f6e6e656374696f6e2d311243616e63656c' +
  '6c656480c8afa025000200021673796e632d6576656e74730680c8afa025028097b1fdf962';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function completing(headers: readonly Header[] = []): LogRecord {
  return { offset: 5_000_000_000, timestamp: 1_700_000_000_000, key: null, value: null, headers };
}

function headersOf(record: RecordToWrite): [string, string | undefined][] {
  return record.headers.map(({ key, value }) => [key, value?.toString()]);
}

let type: avro.Type;
let records: CompanySynchronizedRecords;

beforeAll(async () => {
  const types = await loadEventTypes(schemasFolder);
  type = avro.Type.forSchema(types.companySynchronizedSchema as avro.Schema);
  records = recordsIn('company-sync', 'company-sync');
});

function recordsIn(applicationId: string, eventNamespace: string): CompanySynchronizedRecords {
  return new CompanySynchronizedRecords({ type, schemaId: SCHEMA_ID, applicationId, eventNamespace });
}

test('the value is byte for byte that of another Avro implementation', () => {
  const { value } = records.recordOf(ANNOUNCEMENT, INPUT, completing());

  expect(value?.toString('hex')).toBe(`0001020304${WRITTEN_BY_FASTAVRO}`);
});

test('the key is the companyId in UTF-8', () => {
  const { key } = records.recordOf({ ...ANNOUNCEMENT, companyId: 'Zoë' }, INPUT, completing());

  expect(key).toEqual(Buffer.from([0x5a, 0x6f, 0xc3, 0xab]));
});

test('the headers are those of CloudEvents 1.0 in binary mode', () => {
  expect(headersOf(records.recordOf(ANNOUNCEMENT, INPUT, completing()))).toEqual([
    ['ce_specversion', '1.0'],
    ['ce_id', '74b6d1cb-5e50-5774-9f8e-a9302976dfc2'],
    ['ce_type', 'company.synchronized.v1'],
    ['ce_source', '/company-sync/sync-events/3'],
    ['ce_subject', 'company-1'],
    ['ce_time', '2023-11-14T22:13:20.000Z'],
    ['ce_partitionkey', 'company-1'],
    ['content-type', 'application/avro'],
  ]);
});

// Computed with Python: uuid5(uuid5(NAMESPACE_URL, 'company-sync:<EVENT_NAMESPACE>'), companyId).
test.each([
  ['company-sync', 'company-1', '74b6d1cb-5e50-5774-9f8e-a9302976dfc2'],
  ['company-sync', 'Zoë', '48d313c8-2c94-51cd-8937-1995f070b608'],
  ['production', 'company-1', '245f61c7-64bf-5cab-aa12-c16d0546d076'],
  ['production', 'Zoë', '183593e7-2910-5aeb-9bb4-c74c6e32ab4b'],
])('in namespace %s the event id of %s is always %s, whatever the application', (namespace, companyId, eventId) => {
  const record = recordsIn('another-application', namespace).recordOf(
    { ...ANNOUNCEMENT, companyId },
    INPUT,
    completing(),
  );

  expect(headersOf(record)).toContainEqual(['ce_id', eventId]);
  expect(type.fromBuffer((record.value as Buffer).subarray(5))).toMatchObject({ eventId });
});

test.each([
  ['after the last year that RFC 3339 writes', 8.64e15 + 1, '9999-12-31T23:59:59.999Z'],
  ['after the largest long that avsc writes', 2 ** 63, '9999-12-31T23:59:59.999Z'],
  ['before the first year that RFC 3339 writes', -8.64e15 - 1, '0000-01-01T00:00:00.000Z'],
  ['that Kafka has for none', -1, '1969-12-31T23:59:59.999Z'],
])('a company completed by a record with a timestamp %s is still announced', (_what, timestamp, time) => {
  const record = records.recordOf({ ...ANNOUNCEMENT, synchronizedAt: timestamp }, INPUT, completing());

  expect(headersOf(record)).toContainEqual(['ce_time', time]);
});

describe('the trace of the completing record', () => {
  function traceOf(...traceparents: (Buffer | string | null)[]): string | undefined {
    const headers = traceparents.map((value) => ({
      key: 'traceparent',
      value: value === null ? null : Buffer.from(value as string),
    }));
    const record = records.recordOf(ANNOUNCEMENT, INPUT, completing([{ key: 'other', value: null }, ...headers]));
    return headersOf(record).find(([key]) => key === 'traceparent')?.[1];
  }

  test('is copied unchanged', () => {
    expect(traceOf(TRACEPARENT)).toBe(TRACEPARENT);
  });

  test('of a later version is copied with the fields that it adds', () => {
    expect(traceOf(`01${TRACEPARENT.slice(2)}-more`)).toBe(`01${TRACEPARENT.slice(2)}-more`);
  });

  test('is the last of several', () => {
    expect(traceOf('nonsense', TRACEPARENT)).toBe(TRACEPARENT);
  });

  test.each([
    ['missing'],
    ['null', null],
    ['empty', ''],
    ['binary', Buffer.from([0xff, 0x00])],
    ['too long for its version', `${TRACEPARENT}-more`],
    ['in upper case', TRACEPARENT.toUpperCase()],
    ['of the forbidden version', `ff${TRACEPARENT.slice(2)}`],
    ['without a trace id', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
    ['without a parent id', '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01'],
    ['followed by a line break', `${TRACEPARENT}\n`],
  ])('is left out if it is %s', (_what, ...traceparents) => {
    expect(traceOf(...(traceparents as (Buffer | string | null)[]))).toBeUndefined();
  });

  test.each(['\u0000', '\u0007', ' ', '\u007f', 'é', '€'])(
    'is left out if a later version continues with %j',
    (byte) => {
      expect(traceOf(`01${TRACEPARENT.slice(2)}-more${byte}`)).toBeUndefined();
    },
  );
});

test('a missing schemas folder is named', async () => {
  await expect(loadEventTypes('/nowhere')).rejects.toThrow(/^cannot read the schemas in \/nowhere\/company-sync/);
});
