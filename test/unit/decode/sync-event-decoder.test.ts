import fc from 'fast-check';
import avro from 'avsc';
import type { DeadLetterCode, InputEvent } from '../../../src/domain/events.js';
import { isBadRecord, type Decoded } from '../../../src/decode/bad-record.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import {
  COMPANY,
  decodeOne,
  decoderOf,
  eventValue,
  framed,
  header,
  notAborted,
  recordOf,
  registryOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
} from './sync-events.js';
import { PAYLOADS, writtenByFastavro } from '../../support/payloads.js';
import { schemaSource } from '../../../testkit/schema-source.js';

const writer = avro.Type.forSchema(syncEventSchema() as unknown as avro.Schema);
const status = writtenByFastavro('DatasetStatusChanged');

function event(decoded: Decoded): InputEvent {
  if (isBadRecord(decoded)) throw new Error(`bad record: ${decoded.message}`);
  return decoded;
}

function codeOf(decoded: Decoded): DeadLetterCode | 'event' {
  return isBadRecord(decoded) ? decoded.code : 'event';
}

describe('values written by another Avro implementation', () => {
  const common = { companyId: COMPANY, clientId: 'client-1', offset: 17, timestamp: 1_700_000_000_123, repairs: [] };

  test.each(Object.values(PAYLOADS))('$kind', async ({ writtenByFastavro, read }) => {
    const value = framed(SCHEMA_ID, Buffer.from(writtenByFastavro, 'hex'));

    expect(await decodeOne(recordOf({ value }))).toStrictEqual({ ...common, payload: read });
  });
});

describe('bad records', () => {
  const noKey = Buffer.alloc(0);
  const notUtf8 = Buffer.from([0x63, 0xff]);

  test.each<[string, Parameters<typeof recordOf>[0], DeadLetterCode, string | null]>([
    ['no key', { key: null }, 'missing-key', null],
    ['an empty key', { key: noKey }, 'missing-key', null],
    ['a null value', { value: null }, 'bad-framing', COMPANY],
    ['a value shorter than a frame', { value: Buffer.alloc(4) }, 'bad-framing', COMPANY],
    ['a wrong magic byte', { value: Buffer.from([1, 0, 0, 0, 7, 0]) }, 'bad-framing', COMPANY],
    ['an id that the registry does not have', { value: framed(99, status) }, 'unknown-schema', COMPANY],
    ['id 0', { value: framed(0, status) }, 'unknown-schema', COMPANY],
    ['a negative id', { value: framed(-7, status) }, 'unknown-schema', COMPANY],
    ['a frame around nothing', { value: framed(SCHEMA_ID, Buffer.alloc(0)) }, 'undecodable', COMPANY],
    ['a truncated value', { value: framed(SCHEMA_ID, status.subarray(0, -1)) }, 'undecodable', COMPANY],
    [
      'bytes left over',
      { value: framed(SCHEMA_ID, Buffer.concat([status, noKey, Buffer.of(0)])) },
      'undecodable',
      COMPANY,
    ],
    ['a key that is not the companyId', { key: Buffer.from('company-2') }, 'key-mismatch', 'company-2'],
    ['a key that starts the companyId', { key: Buffer.from('company-') }, 'key-mismatch', 'company-'],
    ['a key that is not UTF-8', { key: notUtf8 }, 'key-mismatch', null],
  ])('%s', async (_what, changes, code, heldCompanyId) => {
    const record = recordOf(changes);

    expect(await decodeOne(record)).toEqual({
      record,
      code,
      heldCompanyId,
      message: expect.stringContaining('offset 17') as string,
    });
  });

  test.each<[string, Parameters<typeof recordOf>[0], DeadLetterCode]>([
    ['a missing key comes before bad framing', { key: null, value: null }, 'missing-key'],
    ['bad framing comes before a key that is not UTF-8', { key: notUtf8, value: null }, 'bad-framing'],
    ['bad framing comes before an unknown schema', { value: Buffer.from([9, 0, 0, 0, 99]) }, 'bad-framing'],
    ['an unknown schema comes before an undecodable value', { value: framed(99, noKey) }, 'unknown-schema'],
    ['an undecodable value comes before a key mismatch', { key: notUtf8, value: framed(7, noKey) }, 'undecodable'],
  ])('%s', async (_what, changes, code) => {
    expect(codeOf(await decodeOne(recordOf(changes)))).toBe(code);
  });

  test('a record that cannot be read holds no company if its key is not UTF-8', async () => {
    expect(await decodeOne(recordOf({ key: notUtf8, value: null }))).toMatchObject({ heldCompanyId: null });
  });

  test('a schema that avsc cannot parse makes its records undecodable', async () => {
    const schemas = { 8: { type: 'record', name: 'X', fields: [{ name: 'a', type: 'com.example.Elsewhere' }] } };

    expect(codeOf(await decodeOne(recordOf({ value: framed(8, status) }), schemas))).toBe('undecodable');
  });

  test('a reason that quotes whole schemas is cut', async () => {
    const schema = syncEventSchema();
    schema.fields = [{ name: 'eventId', type: { type: 'enum', name: 'Long', symbols: longSymbols() } }];

    const decoded = await decodeOne(recordOf({ value: framed(8, status) }), { 8: schema });

    expect(isBadRecord(decoded) && decoded.message.length).toBeLessThan(600);
  });

  function longSymbols(): string[] {
    return Array.from({ length: 500 }, (_, i) => `SYMBOL_${i}`);
  }

  test('a bad record does not affect those before and after it', async () => {
    const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema() }));
    const batch = [
      recordOf({ offset: 1 }),
      recordOf({ offset: 2, value: framed(SCHEMA_ID, status.subarray(0, 20)) }),
      recordOf({ offset: 3 }),
    ];

    const decoded = await decoder.begin(batch, 'a test').all(notAborted());

    expect(decoded.map(codeOf)).toEqual(['event', 'undecodable', 'event']);
    expect(event(decoded[2] as Decoded).offset).toBe(3);
  });
});

describe('the key is the companyId byte by byte', () => {
  const replacement = Buffer.from('\uFFFD');
  const companyId = Buffer.from(COMPANY);

  /** A status of a company whose id has these bytes, whether text or not. */
  function statusOf(id: Buffer): Buffer {
    const [before, after] = [status.subarray(0, status.indexOf(companyId) - 1), status.subarray(13 + 1)];
    expect(status.subarray(4, 14)).toEqual(Buffer.concat([Buffer.of(companyId.length << 1), companyId]));
    return framed(SCHEMA_ID, Buffer.concat([before, Buffer.of(id.length << 1), id, after]));
  }

  test.each<[string, Buffer, Buffer, DeadLetterCode | 'event']>([
    ['text that is no ASCII matches', Buffer.from('Zoë'), Buffer.from('Zoë'), 'event'],
    ['a replacement character that is meant matches', replacement, replacement, 'event'],
    [
      'a byte that is not UTF-8 does not match the replacement that it reads as',
      replacement,
      Buffer.of(0xff),
      'key-mismatch',
    ],
    ['a key that is not UTF-8 never matches', Buffer.of(0xff), Buffer.of(0xff), 'key-mismatch'],
    ['nor does it match the replacement that it reads as', Buffer.of(0xff), replacement, 'key-mismatch'],
    [
      'the same letter composed otherwise does not match',
      Buffer.from('e\u0308'),
      Buffer.from('\u00eb'),
      'key-mismatch',
    ],
  ])('%s', async (_what, key, id, code) => {
    expect(codeOf(await decodeOne(recordOf({ key, value: statusOf(id) })))).toBe(code);
  });
});

describe('repairs', () => {
  async function repairsOf(headers: ReturnType<typeof header>[]): Promise<readonly string[]> {
    return event(await decodeOne(recordOf({ headers }))).repairs;
  }

  test('each header with that key names a record that is replaced', async () => {
    const headers = [header('repairs', '3/14'), header('traceparent', 'x'), header('repairs', '3/15')];

    expect(await repairsOf(headers)).toEqual(['3/14', '3/15']);
  });

  test('null and binary values do no harm', async () => {
    const [only, ...others] = await repairsOf([header('repairs', null), header('repairs', Buffer.of(0xff, 0))]);

    expect([typeof only, others]).toEqual(['string', []]);
  });

  test('upper and lower case of keys differ', async () => {
    expect(await repairsOf([header('Repairs', '3/14')])).toEqual([]);
  });
});

test('an outage of the registry is an error and makes no record bad', async () => {
  const outage = new RegistryUnavailableError('connection refused');
  const decoder = decoderOf(schemaSource(() => Promise.reject(outage)));

  await expect(decoder.begin([recordOf()], 'a test').all(notAborted())).rejects.toBe(outage);
});

test('records without a schema id are bad even during an outage of the registry', async () => {
  const decoder = decoderOf(schemaSource(() => Promise.reject(new RegistryUnavailableError('connection refused'))));

  const decoded = await decoder.begin([recordOf({ key: null }), recordOf({ value: null })], 'a test').all(notAborted());

  expect(decoded.map(codeOf)).toEqual(['missing-key', 'bad-framing']);
});

test('the registry is asked once for a schema, in whatever number of batches it comes', async () => {
  const asked: number[] = [];
  const decoder = decoderOf(
    schemaSource((id) => {
      asked.push(id);
      return Promise.resolve(syncEventSchema());
    }),
  );

  await decoder.begin([recordOf(), recordOf()], 'a test').all(notAborted());
  await decoder.begin([recordOf()], 'a test').all(notAborted());

  expect(asked).toEqual([SCHEMA_ID]);
});

test('an event keeps nothing of the buffers that it was read from', async () => {
  const record = recordOf();
  const decoded = event(await decodeOne(record));
  const before = JSON.stringify({ ...decoded, payload: { ...decoded.payload, revision: null } });

  record.key?.fill(0x2a);
  record.value?.fill(0x2a);

  expect(JSON.stringify({ ...decoded, payload: { ...decoded.payload, revision: null } })).toBe(before);
});

describe('any value', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const companyIds = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const payloads = fc.oneof(
    fc.record({
      'companysync.DatasetStatusChanged': fc.record({
        datasetId: text,
        connectionId: text,
        dataType: text,
        status: text,
        trigger: fc.constantFrom('LINK', 'REFRESH', 'UNKNOWN'),
        revision: fc.option(fc.integer({ min: 0, max: 2 ** 53 - 2 })),
        errorMessage: fc.option(text),
      }),
    }),
    fc.record({
      'companysync.LinkSyncQueued': fc.record({
        linkId: text,
        connectionId: text,
        sourceType: text,
        companyName: text,
        datasets: fc.array(fc.record({ datasetId: text, dataType: text })),
        isFinal: fc.boolean(),
      }),
    }),
  );

  test('is decoded to what was written', async () => {
    const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema() }));
    await fc.assert(
      fc.asyncProperty(companyIds, payloads, async (companyId, payload) => {
        const value = framed(SCHEMA_ID, writer.toBuffer(eventValue(payload, { companyId })));
        const [decoded] = await decoder
          .begin([recordOf({ key: Buffer.from(companyId), value })], 'a test')
          .all(notAborted());

        const written = Object.values(payload)[0] as object;
        expect(written).toMatchObject(withoutKind(event(decoded as Decoded).payload));
      }),
      { numRuns: 200 },
    );
  });

  function withoutKind(payload: object): object {
    return Object.fromEntries(Object.entries(payload).filter(([key]) => key !== 'kind'));
  }

  test('is undecodable wherever it is cut', async () => {
    const value = framed(SCHEMA_ID, writer.toBuffer(eventValue({ 'companysync.DatasetStatusChanged': STATUS })));
    const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema() }));
    const cuts = Array.from({ length: value.length - 5 }, (_, i) => recordOf({ value: value.subarray(0, 5 + i) }));

    const decoded = await decoder.begin(cuts, 'a test').all(notAborted());

    expect(new Set(decoded.map(codeOf))).toEqual(new Set(['undecodable']));
  });

  test('of random or spoiled bytes is an event or a bad record, and never an error', async () => {
    const decoder = decoderOf(registryOf({ [SCHEMA_ID]: syncEventSchema() }));
    const manifest = writtenByFastavro('LinkSyncQueued');
    const spoiled = fc
      .tuple(fc.nat(manifest.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }))
      .map(([at, bytes]) => Buffer.concat([manifest.subarray(0, at), bytes, manifest.subarray(at + bytes.length)]));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 100 }), spoiled), async (bytes) => {
        const record = recordOf({ value: framed(SCHEMA_ID, Buffer.from(bytes)) });
        expect(await decoder.begin([record], 'a test').all(notAborted())).toHaveLength(1);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('a batch whose records have more schemas than are kept is read as a whole', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => i + 10);
  const schema = { ...syncEventSchema(), doc: 'x'.repeat(100_000) };
  const decoder = decoderOf(
    registryOf({ [SCHEMA_ID]: syncEventSchema(), ...Object.fromEntries(ids.map((id) => [id, schema])) }),
  );
  const records = [...ids, ...ids].map((id) => recordOf({ value: framed(id, status) }));
  const decoded = await decoder.begin(records, 'a test').all(notAborted());
  expect(decoded.filter(isBadRecord)).toEqual([]);
  expect(decoded).toHaveLength(200);
});
