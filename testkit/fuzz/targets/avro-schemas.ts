import { AvroReader, WriterSchema } from '../../../src/avro/avro-reader.js';
import { registeredText } from '../../../src/registry/registry-answers.js';
import { SyncEventSchema } from '../../../src/decode/sync-event-reader.js';
import { UnusableSchema } from '../../../src/avro/schema.js';
import { CLIENT_SETTINGS, eventValue, FORMER_SYNC_EVENT, frameOf, PAYLOADS, SYNC_EVENT } from '../schemas.js';
import { MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';

const EVOLVED = {
  type: 'record',
  name: 'SyncEvent',
  namespace: 'other',
  fields: [
    { name: 'companyId', type: ['null', 'string'], default: null },
    { name: 'clientId', type: { type: 'bytes', logicalType: 'decimal' } },
    { name: 'self', type: ['null', 'SyncEvent'] },
    { name: 'map', type: { type: 'map', values: { type: 'array', items: 'int' } } },
    { name: 'fixed', type: { type: 'fixed', name: 'F', size: 4 } },
    { name: 'enum', type: { type: 'enum', name: 'E', symbols: ['A', 'B'], default: 'A' } },
  ],
};

/** The text of a schema, as an author has registered it. */
export const avroSchemas: FuzzTarget = {
  name: 'avro-schemas',
  input: 'the text of a registered schema, and values read with it',
  mayThrow: [],
  maxMs: 300,
  maxBytes: { fixed: 16 * MIB, perByte: 5_000 },
  maxInputBytes: 16 * 1024,
  tokens: [
    ...['"type"', '"record"', '"array"', '"items"', '"map"', '"values"', '"fixed"', '"size"', '"enum"', '"symbols"'],
    ...[
      '"name"',
      '"namespace"',
      '"fields"',
      '"aliases"',
      '"default"',
      '"string"',
      '"null"',
      '"SyncEvent"',
      '__proto__',
    ],
    ...['{', '}', '[', ']', ',', ':', '{"type":', '["null",', '1e999', '-1', '"constructor"', '""'],
  ],
  samples: () =>
    samplesOf({
      'sync-event': JSON.stringify(FORMER_SYNC_EVENT),
      'client-settings': JSON.stringify(CLIENT_SETTINGS),
      evolved: JSON.stringify(EVOLVED),
      name: '"string"',
    }),
  open,
};

const VALUES = [...Object.values(PAYLOADS).map((payload) => eventValue(payload)), Buffer.alloc(60), Buffer.alloc(0)];

function open(): OpenTarget {
  const events = new SyncEventSchema(SYNC_EVENT);
  const settings = new AvroReader(CLIENT_SETTINGS);
  const framed = VALUES.map((value) => Buffer.concat([frameOf(7), value]));
  const run = (input: Buffer): void => {
    const body = { schema: input.toString() };
    const answer = {
      status: 200,
      body,
      exceeds: null,
      jsonLimit: null,
      retryAfterMs: null,
      hide: (text: string) => text,
    };
    const registered = registeredText(answer, '/schemas/ids/7', []);
    if (registered === null || registered.schema instanceof UnusableSchema) return;
    const event = events.compile(registered.schema);
    const setting = settings.of(new WriterSchema(registered.schema));
    for (const value of framed) {
      orRefused(() => event.read(value, Buffer.alloc(0), ''));
      orRefused(() => setting.read(value));
    }
  };
  return { run };
}

const REFUSALS = ['MalformedValueError', 'SchemaError'];

function orRefused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!REFUSALS.includes((error as Error).name)) throw error;
  }
}
