/**
 * Values of the real schema with changed bytes, behind keys that contain U+FFFD. Such a key makes the decoder read the
 * companyId a second time, and skip the other fields.
 */
import avro from 'avsc';
import fc from 'fast-check';
import { AvroReader } from '../../../src/avro/avro-reader.js';
import { isBadRecord } from '../../../src/decode/bad-record.js';
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import {
  decoderOf,
  eventValue,
  framed,
  recordOf,
  registryOf,
  SCHEMA_ID,
  STATUS,
  syncEventSchema,
  varint,
} from './sync-events.js';

const schema = syncEventSchema();
const writer = avro.Type.forSchema(schema as unknown as avro.Schema);
const MANIFEST = { linkId: 'l', connectionId: 'c', sourceType: 's', companyName: 'n', datasets: [], isFinal: true };
const MANIFEST_END_BYTES = 2;

const company = fc.constantFrom('acme', 'acme\uFFFD', '\uFFFD', 'ac\uFFFDme');
/** The size that a block states; null if it states none. */
const statedSize = fc.option(fc.constantFrom(6n, 0n, 1n, 5n, 999n, -1n, -6n, 2n ** 40n, 2n ** 62n));
const block = fc.record({ items: fc.integer({ min: 1, max: 3 }), size: statedSize });
const QUEUED_DATASET = Buffer.from([4, 0x64, 0x31, 4, 0x74, 0x31]);

const manifest = fc.tuple(company, fc.array(block, { maxLength: 3 })).map(([companyId, blocks]) => {
  const value = eventValue({ 'companysync.LinkSyncQueued': MANIFEST }, { companyId });
  const written = writer.toBuffer(value);
  const parts = blocks.flatMap(({ items, size }) => {
    const count = size === null ? [varint(BigInt(items))] : [varint(BigInt(-items)), varint(size)];
    return [...count, ...Array<Buffer>(items).fill(QUEUED_DATASET)];
  });
  const end = written.length - MANIFEST_END_BYTES;
  return { companyId, value: Buffer.concat([written.subarray(0, end), ...parts, written.subarray(end)]) };
});

const status = company.map((companyId) => ({
  companyId,
  value: writer.toBuffer(eventValue({ 'companysync.DatasetStatusChanged': STATUS }, { companyId })),
}));

const mutation = fc.record({ at: fc.nat(10_000), byte: fc.integer({ min: 0, max: 255 }) });
const mutated = fc
  .tuple(fc.oneof(manifest, status), fc.array(mutation, { maxLength: 3 }), fc.option(fc.nat(10_000), { freq: 9 }))
  .map(([{ companyId, value }, mutations, cutAt]) => {
    const bytes = Buffer.from(value);
    for (const { at, byte } of mutations) bytes[at % bytes.length] = byte;
    return { companyId, value: framed(SCHEMA_ID, cutAt === null ? bytes : bytes.subarray(0, cutAt % bytes.length)) };
  });

const decoder = decoderOf(registryOf({}));
const reader = new SyncEventSchema(schema).compile(schema);
const skipping = new AvroReader({ ...schema, fields: [] }).of(schema);

/** The event as `read` gives it; null if the value cannot be read. */
function readOrNull(value: Buffer) {
  try {
    return reader.read(value, Buffer.alloc(0), '');
  } catch {
    return null;
  }
}

test('decoding never throws, and does not depend on whether the companyId is read a second time', () => {
  fc.assert(
    fc.property(mutated, fc.boolean(), ({ companyId, value }, isCut) => {
      const key = Buffer.from(companyId);
      const sent = isCut ? key.subarray(0, -1) : key;
      const event = readOrNull(value);
      const decoded = decoder.decode(recordOf({ key: sent, value }), SCHEMA_ID, reader);

      const code = isBadRecord(decoded) ? decoded.code : null;
      if (sent.length === 0) expect(code).toBe('missing-key');
      else if (event === null) expect(code).toBe('undecodable');
      else if (event.companyId !== companyId || isCut) expect(code).toBe('key-mismatch');
      else expect(code).not.toBe('undecodable');
    }),
    { numRuns: 5_000 },
  );
});

test('a value that can be read can be skipped, and its companyId is the same when the rest is skipped', () => {
  fc.assert(
    fc.property(mutated, ({ value }) => {
      const event = readOrNull(value);
      if (event === null) return;
      expect(reader.companyIdBytes(value).toString()).toBe(event.companyId);
      skipping.read(value);
    }),
    { numRuns: 5_000 },
  );
});

test('a fault while the read event is checked makes the record a bad record that names the fault', () => {
  const faulty = { read: () => ({ companyId: 'acme', clientId: 'c', payload: undefined }) } as unknown as typeof reader;
  const record = recordOf({ key: Buffer.from('acme') });

  const decoded = decoder.decode(record, SCHEMA_ID, faulty);
  expect(decoded).toMatchObject({ code: 'undecodable', heldCompanyId: 'acme' });
  expect((decoded as { message: string }).message).toContain('a fault of company-sync: ');
});
