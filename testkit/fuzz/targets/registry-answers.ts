import { AvroReader } from '../../../src/avro/avro-reader.js';
import { SchemaRegistry } from '../../../src/registry/schema-registry.js';
import { AnsweringServer } from '../answering-server.js';
import { CLIENT_SETTINGS, SYNC_EVENT } from '../schemas.js';
import { MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';

const STATUSES = [200, 404, 409, 422, 429, 500];

/** A byte for the question, a byte for the status, then the body. */
export const registryAnswers: FuzzTarget = {
  name: 'registry-answers',
  input: 'answers of the schema registry, also with references',
  mayThrow: ['RegistryUnavailableError', 'SchemaRefusedError'],
  maxMs: 1_500,
  maxBytes: { fixed: 32 * MIB, perByte: 5_000 },
  maxInputBytes: 8 * 1024,
  tokens: [
    ...[
      '"schema":"',
      '"references":[',
      '"name":"',
      '"subject":"',
      '"version":1',
      '"schemaType":"AVRO"',
      '"error_code":40403',
    ],
    ...[
      '"error_code":40401',
      '"id":7',
      '"message":"',
      '"is_compatible":true',
      '"messages":[',
      '\\"',
      '{',
      '}',
      '[',
      ']',
      'null',
    ],
  ],
  samples: () =>
    samplesOf({
      schema: `\0\0${JSON.stringify({ schema: JSON.stringify(CLIENT_SETTINGS), schemaType: 'AVRO' })}`,
      references: `\0\0${JSON.stringify({ schema: '"companysync.Other"', references: [{ name: 'a', subject: 's', version: 1 }] })}`,
      denied: `\0\u0001${JSON.stringify({ error_code: 40403, message: 'Schema not found' })}`,
      refused: `\u0002\u0002${JSON.stringify({ error_code: 409, message: 'not compatible' })}`,
      id: `\u0001\0${JSON.stringify({ id: 7 })}`,
      compatible: `\u0003\0${JSON.stringify({ is_compatible: false, messages: ['reader has no field x'] })}`,
    }),
  open,
};

async function open(): Promise<OpenTarget> {
  const server = new AnsweringServer();
  const url = await server.listen();
  const reader = new AvroReader(SYNC_EVENT);
  const signal = new AbortController().signal;
  const run = async (input: Buffer): Promise<void> => {
    // A new client for each input: it keeps the versions that schemas refer to.
    const registry = new SchemaRegistry({ url, credentials: { username: 'u', password: 'a secret password' } });
    const questions: readonly (() => Promise<unknown>)[] = [
      () => registry.withSchema(7, { name: 'fuzz', signal }, (schema) => void (schema !== null && reader.of(schema))),
      () => registry.idOf('subject', SYNC_EVENT),
      () => registry.register('subject', CLIENT_SETTINGS),
      () => registry.check('subject', CLIENT_SETTINGS),
      () => registry.idOfFirstVersion('subject'),
    ];
    const status = STATUSES[(input[1] ?? 0) % STATUSES.length] as number;
    server.answer({ status, headers: { 'content-type': 'application/json' }, body: input.subarray(2) });
    await questions[(input[0] ?? 0) % questions.length]?.();
  };
  return { run, close: () => server.close() };
}
