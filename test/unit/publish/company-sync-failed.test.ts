import { join } from 'node:path';
import avro from 'avsc';
import { CompanySyncFailedRecords } from '../../../src/publish/company-sync-failed.js';
import { loadEventTypes } from '../../../src/publish/event-types.js';
import type { SyncFailure } from '../../../src/domain/sync-failure.js';
import type { LogRecord } from '../../../src/lib/record.js';

const SCHEMA_ID = 0x01020304;
const INPUT = { topic: 'sync-events', partition: 3 };
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const FAILURE: SyncFailure = {
  companyId: 'company-1',
  clientId: 'client-1',
  companyName: 'Zoë & Söhne',
  failedAt: 1_700_000_000_000,
  attempt: 2,
  connections: [{ connectionId: 'connection-1', sourceType: 'Accounting' }],
  datasets: [
    {
      datasetId: 'd-1',
      dataType: 'invoices',
      connectionId: 'connection-1',
      status: 'FetchError',
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
  failed: 1,
  ended: 1,
  offset: 5_000_000_000,
  linkedAt: null,
};

/** `FAILURE` written by fastavro 1.x from schemas/company-sync-failed-value/v1.avsc. */
const WRITTEN_BY_FASTAVRO =
  '4865653934396337642d316230332d353132312d623032372d37306665613566616135323612636f6d70616e792d3110636c69656e742d311a5a6f' +
  'c3ab20262053c3b6686e6580a0abfef962040218636f6e6e656374696f6e2d31144163636f756e74696e67000406642d3110696e766f6963657318' +
  '636f6e6e656374696f6e2d311446657463684572726f725206642d321862616e6b4163636f756e747318636f6e6e656374696f6e2d311243616e63' +
  '656c6c656480c8afa0250002021673796e632d6576656e74730680c8afa02500';

const CAUSE: LogRecord = {
  offset: 5_000_000_000,
  timestamp: 1_700_000_000_000,
  key: null,
  value: null,
  headers: [{ key: 'traceparent', value: Buffer.from(TRACEPARENT) }],
};

let type: avro.Type;

beforeAll(async () => {
  const { companySyncFailedSchema } = await loadEventTypes(join(__dirname, '..', '..', '..', 'schemas'));
  type = avro.Type.forSchema(companySyncFailedSchema as avro.Schema);
});

function recordOf(failure: SyncFailure, eventNamespace = 'company-sync') {
  const options = { type, schemaId: SCHEMA_ID, applicationId: 'company-sync', eventNamespace };
  const record = new CompanySyncFailedRecords(options).recordOf(failure, INPUT, CAUSE);
  const headers = record.headers.map(({ key, value }) => [key, value?.toString()]);
  return { ...record, headers, content: type.fromBuffer((record.value as Buffer).subarray(5)) as unknown };
}

test('the value is byte for byte that of another Avro implementation, and the key is the companyId', () => {
  const { key, value } = recordOf(FAILURE);
  expect(value?.toString('hex')).toBe(`0001020304${WRITTEN_BY_FASTAVRO}`);
  expect(key).toEqual(Buffer.from('company-1'));
});

test('the headers are those of CloudEvents 1.0 in binary mode, with the trace of the record that brought it about', () => {
  expect(recordOf(FAILURE).headers).toEqual([
    ['ce_specversion', '1.0'],
    ['ce_id', 'ee949c7d-1b03-5121-b027-70fea5faa526'],
    ['ce_type', 'company.sync.failed.v1'],
    ['ce_source', '/company-sync/sync-events/3'],
    ['ce_subject', 'company-1'],
    ['ce_time', '2023-11-14T22:13:20.000Z'],
    ['ce_partitionkey', 'company-1'],
    ['content-type', 'application/avro'],
    ['traceparent', TRACEPARENT],
  ]);
});

// Computed with Python: uuid5(uuid5(NAMESPACE_URL, 'company-sync:company-sync'), 'company-1/failed/2').
test('each attempt has an event id of its own, the same in the headers and in the value', () => {
  const ids = [1, 2, 3].map((attempt) => recordOf({ ...FAILURE, attempt }).content);
  expect(new Set(ids.map((content) => (content as { eventId: string }).eventId)).size).toBe(3);
  expect(recordOf(FAILURE).content).toMatchObject({ eventId: 'ee949c7d-1b03-5121-b027-70fea5faa526', attempt: 2 });
  expect(recordOf(FAILURE, 'production').content).not.toMatchObject({
    eventId: 'ee949c7d-1b03-5121-b027-70fea5faa526',
  });
});

test.each([2 ** 52 - 1, -(2 ** 52) + 1, -1])(
  'a failure by a record with the timestamp %s has that time',
  (timestamp) => {
    const { content } = recordOf({ ...FAILURE, failedAt: timestamp, linkedAt: timestamp });
    expect(content).toMatchObject({ failedAt: timestamp, linkedAt: timestamp });
  },
);
