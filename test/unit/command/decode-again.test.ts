/** Decoding for a command while the registry is slow. */
import { setTimeout } from 'node:timers/promises';
import { decodeAgain } from '../../../src/command/decode-again.js';
import { createSyncEventDecoder, type SyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import type { LogRecord } from '../../../src/lib/record.js';
import { SteppedClock } from '../../support/clocks.js';
import { schemaSource } from '../../../testkit/schema-source.js';
import { recordOf, SCHEMA_ID, syncEventSchema } from '../decode/sync-events.js';

/** A record of the schema. */
function record(offset: number, schemaId: number): LogRecord {
  const { value, ...made } = recordOf({ offset });
  const framed = Buffer.from(value as Buffer);
  framed.writeUInt32BE(schemaId, 1);
  return { ...made, value: framed };
}

/** The batches that were begun: the number of records in each. */
let batches: number[];
beforeEach(() => {
  batches = [];
});

/** Its registry never answers about the `slow` schemas, and needs `latencyMs` for each of the others. */
function decoderWith(slow: ReadonlySet<number> = new Set(), latencyMs = 0): Pick<SyncEventDecoder, 'begin'> {
  const source = schemaSource(async (id) => {
    if (slow.has(id)) return new Promise(() => undefined);
    if (latencyMs > 0) await setTimeout(latencyMs);
    return syncEventSchema();
  });
  const decoder = createSyncEventDecoder(syncEventSchema(), { source, clock: new SteppedClock(), knownId: SCHEMA_ID });
  return {
    begin: (records, asker) => {
      batches.push(records.length);
      return decoder.begin(records, asker);
    },
  };
}

const many = Array.from({ length: 300 }, (_, i) => record(i, i + 1));

test('records of many schemas are decoded in portions of at most 100 schemas', async () => {
  const events = await decodeAgain(decoderWith(), many, { onTimeout: (why) => why });
  expect(events.map((event) => (typeof event === 'string' ? event : event.offset))).toEqual(
    many.map(({ offset }) => offset),
  );
  expect(batches).toEqual([100, 100, 100]);
});

test('records of one schema are decoded 1,000 at a time', async () => {
  const records = Array.from({ length: 2_500 }, (_, i) => record(i, 7));
  await decodeAgain(decoderWith(), records, { onTimeout: (why) => why });
  expect(batches).toEqual([1_000, 1_000, 500]);
});

test('each schema has its own time: many slow ones together may take longer than one may', async () => {
  const latencyMs = 40;
  // Of the 64 schemas, eight are requested at a time.
  const events = await decodeAgain(decoderWith(new Set(), latencyMs), many.slice(0, 64), {
    timeoutMs: 3 * latencyMs,
    onTimeout: (why) => why,
  });
  expect(events.filter((event) => typeof event === 'string')).toEqual([]);
});

test('if a schema takes too long, the records from there on say which one, and the other portions are decoded', async () => {
  const options = { timeoutMs: 5, onTimeout: (why: string) => `${why}: run again` };
  const events = await decodeAgain(decoderWith(new Set([150])), many, options);
  const late = events.flatMap((event, i) => (typeof event === 'string' ? [i] : []));
  expect([late[0], late.at(-1), late.length]).toEqual([149, 199, 51]);
  expect(events[149]).toBe(
    'schema 150 of offset 149 was not fetched from the schema registry and compiled within 0.5 s, 0.005 s for each ' +
      'of 100 schemas read together: run again',
  );
});

test('a command may end instead', async () => {
  const onTimeout = (why: string): never => {
    throw new Error(`${why}: run the command again`);
  };
  const decoding = decodeAgain(decoderWith(new Set([7])), [record(0, 7)], { timeoutMs: 10, onTimeout });
  await expect(decoding).rejects.toThrow('schema 7 of offset 0 was not fetched');
});
