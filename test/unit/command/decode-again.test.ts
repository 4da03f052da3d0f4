/** Decoding for a command while the registry is slow. */
import { decodeAgain } from '../../../src/command/decode-again.js';
import type { SyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import { DecodingAbortedError } from '../../../src/decode/schema-resolution.js';
import type { LogRecord } from '../../../src/lib/record.js';

/** A record of the schema. */
function record(offset: number, schemaId: number): LogRecord {
  const value = Buffer.alloc(6);
  value.writeUInt32BE(schemaId, 1);
  return { offset, timestamp: 0, key: Buffer.from('acme'), value, headers: [] };
}

/** Notes the batches. Never answers about a batch with one of the `slow` schemas. */
class SlowDecoder implements Pick<SyncEventDecoder, 'decodeBatch'> {
  readonly batches: (readonly LogRecord[])[] = [];

  constructor(private readonly slow: ReadonlySet<number> = new Set()) {}

  async decodeBatch(records: readonly LogRecord[], signal: AbortSignal) {
    this.batches.push(records);
    if (records.some(({ value }) => this.slow.has(value?.readUInt32BE(1) ?? 0))) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new DecodingAbortedError();
    }
    return records.map(({ offset, timestamp }) => ({
      companyId: 'acme',
      clientId: 'c',
      offset,
      timestamp,
      repairs: [],
      payload: { kind: 'deleted' as const },
    }));
  }
}

test('records of many schemas are decoded in portions of at most 100 schemas, so a slow registry is waited for', async () => {
  const records = Array.from({ length: 1_000 }, (_, i) => record(i, i + 1));
  const decoder = new SlowDecoder();
  const events = await decodeAgain(decoder, records, { onTimeout: (why) => why });
  expect(events.map((event) => (typeof event === 'string' ? event : event.offset))).toEqual(
    records.map(({ offset }) => offset),
  );
  expect(decoder.batches.map(({ length }) => length)).toEqual(Array(10).fill(100));
});

test('records of one schema are decoded 1,000 at a time', async () => {
  const decoder = new SlowDecoder();
  await decodeAgain(
    decoder,
    Array.from({ length: 2_500 }, (_, i) => record(i, 7)),
    { onTimeout: (why) => why },
  );
  expect(decoder.batches.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
});

test('if the registry takes too long for a portion, its records say so, and the others are decoded', async () => {
  const records = Array.from({ length: 300 }, (_, i) => record(i, i + 1));
  const decoder = new SlowDecoder(new Set([150]));
  const events = await decodeAgain(decoder, records, { timeoutMs: 10, onTimeout: (why) => `${why}: run again` });
  const late = events.flatMap((event, i) => (typeof event === 'string' ? [i] : []));
  expect([late[0], late.at(-1), late.length]).toEqual([100, 199, 100]);
  expect(events[100]).toBe('the schema registry did not return the schemas of 100 records within 0.01 s: run again');
});

test('a command may end instead', async () => {
  const onTimeout = (why: string): never => {
    throw new Error(`${why}: run the command again`);
  };
  const decoding = decodeAgain(new SlowDecoder(new Set([7])), [record(0, 7)], { timeoutMs: 10, onTimeout });
  await expect(decoding).rejects.toThrow('the schema registry did not return the schemas of 1 records');
});
