import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { MalformedLineError, SyncEventJson, SyncEventRecords, utf8Text } from '../../../src/publish/sync-event-json.js';
import { newestSchema } from '../../../testkit/schema-file.js';

const REPOSITORY = join(__dirname, '..', '..', '..');
const schema = newestSchema(join(REPOSITORY, 'schemas'), 'sync-events-value');
const type = avro.Type.forSchema(schema as avro.Schema);
const json = new SyncEventJson(schema, { now: () => 1_700_000_000_000 });
const records = new SyncEventRecords(json, 7);

function decoded(line: string) {
  const { key, value, headers } = records.recordOf(json.eventOf(line));
  if (value === null) throw new Error('a record without a value');
  expect(value.readUInt8(0)).toBe(0);
  expect(value.readInt32BE(1)).toBe(7);
  return { key: key.toString(), headers, event: type.fromBuffer(value.subarray(5)) as Record<string, unknown> };
}

test('missing optional fields are filled in: the event id, the time, and fields with a default in the schema', () => {
  const { key, event } = decoded(
    '{"companyId":"c","clientId":"a","payload":{"DatasetStatusChanged":{"datasetId":"d","connectionId":"x",' +
      '"dataType":"t","status":"Complete"}}}',
  );
  expect(key).toBe('c');
  expect(event).toMatchObject({
    eventId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    occurredAt: 1_700_000_000_000,
    payload: { 'companysync.DatasetStatusChanged': { trigger: 'UNKNOWN', revision: null, errorMessage: null } },
  });
});

test('headers become headers of the record, as texts', () => {
  const { headers } = decoded(
    '{"companyId":"c","clientId":"a","payload":{"CompanyDeleted":{}},"headers":{"repairs":"3/1042"}}',
  );
  expect(headers).toEqual([{ key: 'repairs', value: Buffer.from('3/1042') }]);
});

test.each([
  ['', 'not JSON'],
  ['[]', 'expected an object'],
  ['{"companyId":"c","clientId":"a"}', 'payload: expected'],
  ['{"companyId":"c","clientId":"a","payload":{"Nope":{}}}', 'payload: Nope is not one of LinkSyncQueued'],
  ['{"companyId":"c","clientId":3,"payload":{"CompanyDeleted":{}}}', 'clientId: 3 is not a value of type string'],
  ['{"clientId":"a","payload":{"CompanyDeleted":{}}}', 'companyId: is missing, expected string'],
  ['{"companyId":"c","clientId":"a","payload":{"CompanyDeleted":{}},"extra":1}', 'the event: has no field extra'],
  ['{"companyId":"c","clientId":"a","payload":{"CompanyDeleted":{}},"headers":{"a":1}}', 'headers.a: expected a text'],
  [
    '{"companyId":"c","clientId":"a","payload":{"DatasetStatusChanged":{"datasetId":"d","connectionId":"x",' +
      '"dataType":"t","status":"Complete","trigger":"LINKED"}}}',
    'payload.DatasetStatusChanged.trigger: "LINKED" is not a value of type SyncTrigger (LINK, REFRESH, UNKNOWN)',
  ],
])('%j is refused', (line, fault) => {
  expect(() => json.eventOf(line)).toThrow(MalformedLineError);
  expect(() => json.eventOf(line)).toThrow(fault);
});

test('a text that is nested too deep is refused', () => {
  const deep = `{"companyId":"c","clientId":"a","payload":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  expect(() => json.eventOf(deep)).toThrow(new MalformedLineError('it nests more than 1000 lists and objects'));
});

test('every line of the example is an event', () => {
  const lines = readFileSync(join(REPOSITORY, 'examples', 'events.jsonl'), 'utf8').split('\n');
  const events = lines.filter((line) => line !== '' && !line.startsWith('#')).map(decoded);
  expect(events.map(({ key }) => key)).toEqual(['acme', 'acme', 'acme', 'globex', 'globex']);
});

test("the payload's name of an encoded value is found, and none for other values", () => {
  const event = (payload: string) =>
    records.recordOf(json.eventOf(`{"companyId":"c","clientId":"a","payload":{"${payload}":{}}}`)).value;
  expect(records.payloadOf(event('AnnouncedElsewhere'))).toBe('AnnouncedElsewhere');
  expect(records.payloadOf(event('CompanyDeleted'))).toBe('CompanyDeleted');
  const other = new SyncEventRecords(json, 8);
  expect(other.payloadOf(event('CompanyDeleted'))).toBeNull();
  expect(records.payloadOf(event('CompanyDeleted')?.subarray(0, 9) ?? null)).toBeNull();
  expect(records.payloadOf(Buffer.of(0))).toBeNull();
  expect(records.payloadOf(null)).toBeNull();
});

test('a stored text that is too long is refused, with its place and length', () => {
  const line = (datasetId: string, by: string) =>
    JSON.stringify({ companyId: 'c', clientId: by, payload: { LinkSyncQueued: manifestOf(datasetId) } });
  const manifestOf = (datasetId: string) => ({
    linkId: 'l',
    connectionId: 'x',
    sourceType: 's',
    companyName: 'n',
    datasets: [{ datasetId, dataType: 't' }],
  });
  expect(decoded(line('é'.repeat(512), 'a')).key).toBe('c');
  expect(() => json.eventOf(line('é'.repeat(512) + 'a', 'b'.repeat(1_025)))).toThrow(
    'clientId: has 1025 bytes, and at most 1024 are allowed; ' +
      'payload.LinkSyncQueued.datasets.0.datasetId: has 1025 bytes, and at most 1024 are allowed',
  );
  const event = { companyId: 'c', clientId: 'a', payload: { AnnouncedElsewhere: { by: 'b'.repeat(5_000) } } };
  expect(decoded(JSON.stringify(event)).key).toBe('c');
});

test('bytes that are not UTF-8 are no line', () => {
  expect(utf8Text(Buffer.from('café'))).toBe('café');
  expect(() => utf8Text(Buffer.from('café', 'latin1'))).toThrow(new MalformedLineError('not UTF-8'));
});
