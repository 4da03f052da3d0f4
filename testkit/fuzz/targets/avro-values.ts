import { AvroReader } from '../../../src/avro/avro-reader.js';
import { isBadRecord, type Decoded } from '../../../src/decode/bad-record.js';
import { createSyncEventDecoder } from '../../../src/decode/sync-event-decoder.js';
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { NO_HEADERS, type LogRecord } from '../../../src/lib/record.js';
import { schemaSource } from '../../schema-source.js';
import {
  CLIENT_SETTINGS,
  COMPANY,
  eventValue,
  FORMER_SYNC_EVENT,
  frameOf,
  PAYLOADS,
  settingValue,
  SYNC_EVENT,
} from '../schemas.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';

/** The writers' schemas, by their ids. Each value is read as an event. */
const WRITERS: readonly object[] = [SYNC_EVENT, FORMER_SYNC_EVENT, CLIENT_SETTINGS, 'string' as unknown as object];

/** A byte for the writer's schema, then the value without its frame. */
export const avroValues: FuzzTarget = {
  name: 'avro-values',
  input: 'values of sync-events and client-settings, with several writers',
  mayThrow: [],
  maxMs: 100,
  maxBytes: { fixed: 2 * MIB, perByte: 2_000 },
  maxInputBytes: 8 * 1024,
  tokens: [COMPANY, 'Complete', '\uFFFD'],
  samples: () =>
    samplesOf({
      ...Object.fromEntries(
        Object.entries(PAYLOADS).map(([name, payload]) => [name, Buffer.concat([Buffer.of(0), eventValue(payload)])]),
      ),
      former: Buffer.concat([Buffer.of(1), eventValue(PAYLOADS.manifest, FORMER_SYNC_EVENT)]),
      setting: Buffer.concat([Buffer.of(2), settingValue()]),
    }),
  open,
};

function open(): OpenTarget {
  const schema = new SyncEventSchema(SYNC_EVENT);
  const readers = WRITERS.map((writer) => schema.compile(writer));
  const settings = new AvroReader(CLIENT_SETTINGS);
  const settingReaders = WRITERS.map((writer) => settings.of(writer));
  const skipping = WRITERS.map((writer) => new AvroReader({ ...SYNC_EVENT, fields: [] }).of(writer));
  const source = schemaSource(() => Promise.resolve(null));
  const decoder = createSyncEventDecoder(SYNC_EVENT, { source, clock: systemClock, knownId: 1 });
  const run = (input: Buffer): void => {
    const writer = (input[0] ?? 0) % WRITERS.length;
    const value = Buffer.concat([frameOf(writer + 1), input.subarray(1)]);
    const reader = readers[writer];
    for (const key of [Buffer.from(COMPANY), input.subarray(1, 9)]) {
      const decoded: Decoded = decoder.decode(recordOf(key, value), writer + 1, reader);
      if (isBadRecord(decoded) && decoded.message.includes('a fault of company-sync'))
        throw new ContradictionError(decoded.message);
    }
    const event = orRefused(() => reader?.read(value, Buffer.alloc(0), ''));
    if (event !== null && orRefused(() => skipping[writer]?.read(value)) === null)
      throw new ContradictionError('a value that can be read cannot be skipped');
    orRefused(() => settingReaders[writer]?.read(value));
  };
  return { run };
}

function recordOf(key: Buffer, value: Buffer): LogRecord {
  return { offset: 17, timestamp: 1, key, value, headers: NO_HEADERS };
}

const REFUSALS = ['MalformedValueError', 'SchemaError'];

function orRefused<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!REFUSALS.includes((error as Error).name)) throw error;
    return null;
  }
}
